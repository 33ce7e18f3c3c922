-- From here on the transaction sees the part of some organisations alone: unqualified names mean the views of the schema part.
WITH RECURSIVE part AS (
  SELECT number FROM organisation WHERE id = ANY ($1::text[])
  UNION
  SELECT v.organisation FROM part p JOIN organisation_version v ON v.parent = p.number AND v.valid_from <= now() AND now() < v.valid_to
)
SELECT set_config('lastgasp.part', (SELECT coalesce(array_agg(number), '{}')::text FROM part), true), set_config('search_path', 'part, ' || current_setting('search_path'), true)
