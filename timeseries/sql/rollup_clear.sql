DELETE FROM reading_hour_settled WHERE bucket = $1
