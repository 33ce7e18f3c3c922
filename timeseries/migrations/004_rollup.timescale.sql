---- tern: disable-tx ----
-- Roll-ups of a meter by hour and by day of the utility's zone. They keep the first and last register of the
-- bucket with their times, so that consumption is a difference of measured registers and nothing is interpolated.

CREATE MATERIALIZED VIEW IF NOT EXISTS reading_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT meter, time_bucket(INTERVAL '1 hour', time) AS bucket,
       count(*)::bigint AS readings,
       min(time) FILTER (WHERE import_wh IS NOT NULL) AS import_first_time,
       first(import_wh, time) FILTER (WHERE import_wh IS NOT NULL) AS import_wh_first,
       max(time) FILTER (WHERE import_wh IS NOT NULL) AS import_last_time,
       last(import_wh, time) FILTER (WHERE import_wh IS NOT NULL) AS import_wh_last,
       min(time) FILTER (WHERE export_wh IS NOT NULL) AS export_first_time,
       first(export_wh, time) FILTER (WHERE export_wh IS NOT NULL) AS export_wh_first,
       max(time) FILTER (WHERE export_wh IS NOT NULL) AS export_last_time,
       last(export_wh, time) FILTER (WHERE export_wh IS NOT NULL) AS export_wh_last,
       count(p)::bigint AS p_count, sum(p) AS p_sum, max(p) AS p_max,
       min(v1) AS v1_min, max(v1) AS v1_max
FROM reading GROUP BY meter, bucket WITH NO DATA;

CREATE MATERIALIZED VIEW IF NOT EXISTS reading_day WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT meter, time_bucket(INTERVAL '1 day', time, '{{.zone}}') AS bucket,
       count(*)::bigint AS readings,
       min(time) FILTER (WHERE import_wh IS NOT NULL) AS import_first_time,
       first(import_wh, time) FILTER (WHERE import_wh IS NOT NULL) AS import_wh_first,
       max(time) FILTER (WHERE import_wh IS NOT NULL) AS import_last_time,
       last(import_wh, time) FILTER (WHERE import_wh IS NOT NULL) AS import_wh_last,
       min(time) FILTER (WHERE export_wh IS NOT NULL) AS export_first_time,
       first(export_wh, time) FILTER (WHERE export_wh IS NOT NULL) AS export_wh_first,
       max(time) FILTER (WHERE export_wh IS NOT NULL) AS export_last_time,
       last(export_wh, time) FILTER (WHERE export_wh IS NOT NULL) AS export_wh_last,
       count(p)::bigint AS p_count, sum(p) AS p_sum, max(p) AS p_max,
       min(v1) AS v1_min, max(v1) AS v1_max
FROM reading GROUP BY meter, bucket WITH NO DATA;

SELECT add_continuous_aggregate_policy('reading_hour', start_offset => INTERVAL '40 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '15 minutes', if_not_exists => true);
SELECT add_continuous_aggregate_policy('reading_day', start_offset => INTERVAL '40 days', end_offset => INTERVAL '1 day', schedule_interval => INTERVAL '1 hour', if_not_exists => true);
