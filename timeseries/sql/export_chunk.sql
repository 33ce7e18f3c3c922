-- How long the chunks of readings are, also where the schema part stands before that of the table.
SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_schema = ANY (current_schemas(false)) AND hypertable_name = 'reading'
