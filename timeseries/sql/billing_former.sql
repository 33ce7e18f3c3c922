-- Index: reading_history (meter, time).
SELECT meter, time, quantity, value::bigint FROM reading_history
WHERE meter = ANY ($1) AND time >= $2 AND time <= $3 AND quantity = ANY ($4)
ORDER BY meter, quantity, time, replaced
