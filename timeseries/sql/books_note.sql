SELECT n.month, n.cause, n.count FROM book_note n JOIN book b ON b.number = n.book WHERE b.policy = $1 AND b.by = $2 AND n.count <> 0
