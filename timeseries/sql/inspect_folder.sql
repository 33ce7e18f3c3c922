-- No row for who may not know it.
SELECT setting FROM pg_settings WHERE name = 'data_directory'
