DELETE FROM book_cell;
DELETE FROM book_note;
UPDATE book_state SET revision = NULL, as_of = NULL, placed = NULL, kept = NULL
