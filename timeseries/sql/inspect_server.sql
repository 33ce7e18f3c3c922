SELECT current_setting('server_version'), clock_timestamp(), current_setting('max_connections')::int,
       current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off',
       '', inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr(),
       pg_database_size(current_database()), current_setting('is_superuser') = 'on',
       'timescaledb' = ANY (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ',')),
       coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'), ''),
       coalesce((SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), ''),
       to_regclass('setting') IS NOT NULL AND to_regclass('schema_version') IS NOT NULL
