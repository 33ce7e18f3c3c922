INSERT INTO reading_hour_settled SELECT * FROM reading_hour_of($1)
ON CONFLICT (meter, bucket) DO NOTHING -- of a time whose readings have been dropped: what was settled stays
