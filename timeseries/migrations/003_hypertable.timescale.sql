-- Hypertables and their columnstore. Chunks of a day keep the current chunk's index in memory for some million
-- meters; segments by meter serve the two ways readings are read: one meter over time, all meters at a time.

SELECT create_hypertable('reading', by_range('time', INTERVAL '{{.chunk}}'), create_default_indexes => false);
SELECT create_hypertable('reading_other', by_range('time', INTERVAL '{{.chunk}}'), create_default_indexes => false);
SELECT create_hypertable('event', by_range('time', INTERVAL '7 days'), create_default_indexes => false);

ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'meter', timescaledb.compress_orderby = 'time');
ALTER TABLE reading_other SET (timescaledb.compress, timescaledb.compress_segmentby = 'meter', timescaledb.compress_orderby = 'time, quantity');

SELECT add_compression_policy('reading', INTERVAL '7 days');
SELECT add_compression_policy('reading_other', INTERVAL '7 days');
