-- Whether a table has come that has no view in the schema part.
SELECT EXISTS (
  SELECT FROM pg_class c
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace WHERE n.nspname = 'part' AND p.relname = c.relname))
