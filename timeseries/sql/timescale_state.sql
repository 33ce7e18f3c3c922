SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb'),
       'timescaledb' = ANY (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ','))
