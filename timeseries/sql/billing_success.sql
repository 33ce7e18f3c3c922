-- Read success by hours that begin in a time. In place of the marks stand by what it is reported, and how buckets are cut.
SELECT /*key*/ AS key, /*name*/ AS name, /*bucket*/ AS bucket, sum(expected)::bigint, sum(in_time)::bigint, sum(late)::bigint,
       coalesce(sum(expected - in_time - late) FILTER (WHERE hour + INTERVAL '1 hour' <= $3), 0)::bigint,
       coalesce(sum(expected - in_time - late) FILTER (WHERE hour + INTERVAL '1 hour' > $3), 0)::bigint
FROM read_success s /*joined*/
WHERE hour >= $1 AND hour < $2 AND ($4 = '' OR quantity = $4) AND $5::text IS NOT NULL AND ($6 = '' OR organisation IN (
  WITH RECURSIVE part AS (
    SELECT number FROM organisation WHERE id = $6
    UNION
    SELECT ov.organisation FROM part p JOIN organisation_version ov ON ov.parent = p.number AND ov.valid_from <= now() AND now() < ov.valid_to
  )
  SELECT number FROM part
))
GROUP BY 1, 2, 3 ORDER BY 3 NULLS FIRST, 1
