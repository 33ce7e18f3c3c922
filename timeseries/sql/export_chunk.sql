-- How long the chunks of readings are.
SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_schema = current_schema() AND hypertable_name = 'reading'
