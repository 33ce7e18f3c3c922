-- The same roll-ups without TimescaleDB: a table of what is settled, and a view that computes the hours that have
-- changed since, so that an answer never lags behind the readings.

CREATE VIEW reading_hour_now AS
SELECT meter, date_trunc('hour', time, 'UTC') AS bucket,
       count(*)::bigint AS readings,
       min(time) FILTER (WHERE import_wh IS NOT NULL) AS import_first_time,
       (array_agg(import_wh ORDER BY time) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_first,
       max(time) FILTER (WHERE import_wh IS NOT NULL) AS import_last_time,
       (array_agg(import_wh ORDER BY time DESC) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_last,
       min(time) FILTER (WHERE export_wh IS NOT NULL) AS export_first_time,
       (array_agg(export_wh ORDER BY time) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_first,
       max(time) FILTER (WHERE export_wh IS NOT NULL) AS export_last_time,
       (array_agg(export_wh ORDER BY time DESC) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_last,
       count(p)::bigint AS p_count, sum(p) AS p_sum, max(p) AS p_max,
       min(v1) AS v1_min, max(v1) AS v1_max
FROM reading GROUP BY meter, date_trunc('hour', time, 'UTC');

CREATE TABLE reading_hour_settled AS SELECT * FROM reading_hour_now WITH NO DATA;
ALTER TABLE reading_hour_settled ADD PRIMARY KEY (meter, bucket);
CREATE INDEX ON reading_hour_settled (bucket);

CREATE FUNCTION reading_hour_of(hour timestamptz) RETURNS SETOF reading_hour_settled LANGUAGE sql STABLE AS $$
SELECT meter, hour AS bucket,
       count(*)::bigint AS readings,
       min(time) FILTER (WHERE import_wh IS NOT NULL) AS import_first_time,
       (array_agg(import_wh ORDER BY time) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_first,
       max(time) FILTER (WHERE import_wh IS NOT NULL) AS import_last_time,
       (array_agg(import_wh ORDER BY time DESC) FILTER (WHERE import_wh IS NOT NULL))[1] AS import_wh_last,
       min(time) FILTER (WHERE export_wh IS NOT NULL) AS export_first_time,
       (array_agg(export_wh ORDER BY time) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_first,
       max(time) FILTER (WHERE export_wh IS NOT NULL) AS export_last_time,
       (array_agg(export_wh ORDER BY time DESC) FILTER (WHERE export_wh IS NOT NULL))[1] AS export_wh_last,
       count(p)::bigint AS p_count, sum(p) AS p_sum, max(p) AS p_max,
       min(v1) AS v1_min, max(v1) AS v1_max
FROM reading WHERE time >= hour AND time < hour + INTERVAL '1 hour' GROUP BY meter
$$;

CREATE VIEW reading_hour AS
SELECT s.* FROM reading_hour_settled s WHERE NOT EXISTS (SELECT FROM rollup_change c WHERE c.hour = s.bucket)
UNION ALL
SELECT h.* FROM (SELECT DISTINCT hour FROM rollup_change) c, reading_hour_of(c.hour) h;

CREATE VIEW reading_day AS
SELECT meter, date_trunc('day', bucket, '{{.zone}}') AS bucket,
       sum(readings)::bigint AS readings,
       min(import_first_time) AS import_first_time,
       (array_agg(import_wh_first ORDER BY bucket) FILTER (WHERE import_wh_first IS NOT NULL))[1] AS import_wh_first,
       max(import_last_time) AS import_last_time,
       (array_agg(import_wh_last ORDER BY bucket DESC) FILTER (WHERE import_wh_last IS NOT NULL))[1] AS import_wh_last,
       min(export_first_time) AS export_first_time,
       (array_agg(export_wh_first ORDER BY bucket) FILTER (WHERE export_wh_first IS NOT NULL))[1] AS export_wh_first,
       max(export_last_time) AS export_last_time,
       (array_agg(export_wh_last ORDER BY bucket DESC) FILTER (WHERE export_wh_last IS NOT NULL))[1] AS export_wh_last,
       sum(p_count)::bigint AS p_count, sum(p_sum) AS p_sum, max(p_max) AS p_max,
       min(v1_min) AS v1_min, max(v1_max) AS v1_max
FROM reading_hour GROUP BY meter, date_trunc('day', bucket, '{{.zone}}');
