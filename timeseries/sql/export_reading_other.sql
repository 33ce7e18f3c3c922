-- As export_reading.sql, with quantities that have no column of their own beside those that have. Indexes: the primary
-- keys (meter, time) and (meter, time, quantity).
COPY (
  SELECT meter, time, greatest(r.received, o.received), coalesce(r.quality, 0::smallint) | coalesce(o.quality, 0::smallint)/*both*/
  FROM (
    SELECT meter, time, received, quality/*columns*/
    FROM reading
    WHERE /*where*/ /*wanted*/
  ) r FULL JOIN (
    SELECT meter, time, max(received) AS received, bit_or(quality) AS quality/*others*/
    FROM reading_other
    WHERE /*where*/ AND quantity IN (/*numbers*/)
    GROUP BY meter, time
  ) o USING (meter, time)
  ORDER BY meter, time /*limit*/
) TO STDOUT (FORMAT binary)
