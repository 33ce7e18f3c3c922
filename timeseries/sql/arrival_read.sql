-- Index: arrival (hour).
SELECT hour, reads FROM arrival
WHERE hour > $1::timestamptz - INTERVAL '1 hour' AND hour <= $2 AND last >= $1 AND first <= $2 AND again >= $3
