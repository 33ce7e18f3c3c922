DELETE FROM late_read WHERE noted < $1
