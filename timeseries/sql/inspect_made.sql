SELECT (SELECT version FROM schema_version),
       coalesce((SELECT value FROM setting WHERE name = 'engine'), ''), coalesce((SELECT value FROM setting WHERE name = 'zone'), ''),
       (SELECT value::timestamptz FROM setting WHERE name = 'backup'),
       (SELECT last_archived_time FROM pg_stat_archiver)
