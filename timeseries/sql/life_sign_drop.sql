-- What is older than the first time, and is not replayed: the detector looks back further while an outage lasts. Nothing older than the
-- second time stays. Index: BRIN on received.
DELETE FROM life_sign
WHERE received < greatest(least($1::timestamptz, (SELECT replay_from FROM detection)), $2::timestamptz)
