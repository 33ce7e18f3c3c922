SELECT to_regclass('setting')::text
