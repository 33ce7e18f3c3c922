-- Readings that come for a time whose partitions have been dropped must not replace the roll-ups that were made of
-- them: what is settled there stays, and only meters without a roll-up get one.

CREATE FUNCTION dropped_before() RETURNS timestamptz LANGUAGE sql STABLE AS $$
SELECT coalesce((SELECT value::timestamptz FROM setting WHERE name = 'dropped_before'), '-infinity')
$$;

CREATE OR REPLACE VIEW reading_hour AS
SELECT s.* FROM reading_hour_settled s
WHERE s.bucket < dropped_before() OR NOT EXISTS (SELECT FROM rollup_change c WHERE c.hour = s.bucket)
UNION ALL
SELECT h.* FROM (SELECT DISTINCT hour FROM rollup_change) c, reading_hour_of(c.hour) h
WHERE c.hour >= dropped_before() OR NOT EXISTS (SELECT FROM reading_hour_settled s WHERE s.meter = h.meter AND s.bucket = h.bucket);
