UPDATE book_state SET revision = $1, as_of = $2, placed = $3, kept = $4
