-- Index: BRIN on received.
DELETE FROM life_sign WHERE received < $1
