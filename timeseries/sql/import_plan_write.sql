-- What differs from the store is written, as revised now; after what is there, even if that says to be from later: of two
-- versions the detector holds the one revised later.
WITH filed AS (
  SELECT l.id, l.kind, n.number AS node,
         ARRAY(SELECT u.number FROM unnest(l.usage_points) WITH ORDINALITY AS x (id, i) JOIN usage_point u USING (id) ORDER BY x.i) AS usage_points,
         l.valid_from, l.valid_to, l.reason, l.notice, l.dropped
  FROM import_line l LEFT JOIN node n ON n.id = l.node
), there AS (
  SELECT f.id, p.id IS NULL AS fresh
  FROM filed f LEFT JOIN plan p ON p.id = f.id
  WHERE p.id IS NULL OR (p.kind, p.node, p.usage_points, p.valid_from, p.valid_to, p.reason, p.notice, p.dropped)
        IS DISTINCT FROM (f.kind, f.node, f.usage_points, f.valid_from, f.valid_to, f.reason, f.notice, f.dropped)
), made AS (
  INSERT INTO import_new (id) SELECT id FROM there WHERE fresh
), changed AS (
  INSERT INTO import_changed (id) SELECT id FROM there WHERE NOT fresh
)
INSERT INTO plan (id, kind, node, usage_points, valid_from, valid_to, reason, notice, revised, dropped, by)
SELECT f.id, f.kind, f.node, f.usage_points, f.valid_from, f.valid_to, f.reason, f.notice, now(), f.dropped, 'import'
FROM filed f JOIN there USING (id) ORDER BY f.id
ON CONFLICT (id) DO UPDATE SET stored = pg_current_xact_id(), kind = EXCLUDED.kind, node = EXCLUDED.node, usage_points = EXCLUDED.usage_points,
  valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, reason = EXCLUDED.reason, notice = EXCLUDED.notice, revised = greatest(EXCLUDED.revised, plan.revised + INTERVAL '1 microsecond'),
  dropped = EXCLUDED.dropped, by = EXCLUDED.by
