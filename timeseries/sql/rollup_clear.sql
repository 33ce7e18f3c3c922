DELETE FROM reading_hour_settled WHERE bucket = $1 AND bucket >= dropped_before()
