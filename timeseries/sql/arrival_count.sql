-- How many rows of the notes of a closed time took the place of others, and whether all readings of that time are noted.
SELECT coalesce(sum(again), 0)::bigint, (SELECT $1 >= greatest(noted_since, upto - $3::interval) FROM billing_state)
FROM arrival WHERE hour > $1::timestamptz - INTERVAL '1 hour' AND hour <= $2 AND last >= $1 AND first <= $2
