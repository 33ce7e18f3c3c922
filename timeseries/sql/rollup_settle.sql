INSERT INTO reading_hour_settled SELECT * FROM reading_hour_of($1)
