-- In place of the mark stand registers as bits. Index: reading (time).
SELECT meter, time, received, quality, mask
FROM (SELECT meter, time, received, quality, /*mask*/ AS mask FROM reading WHERE time >= $1 AND time <= $2) r
WHERE mask <> 0
