-- A run belongs to the part of who asked for it, and to whoever sees all organisations whose usage points it holds.
SELECT r.* FROM billing_run r
WHERE cardinality(r.part) > 0 AND NOT EXISTS (SELECT FROM unnest(r.part) AS x (id) WHERE x.id NOT IN (SELECT id FROM part.organisation))
   OR cardinality(r.organisations) > 0 AND r.organisations <@ (SELECT part.mine())::int[]
