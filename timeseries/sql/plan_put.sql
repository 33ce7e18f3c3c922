-- Of two versions the one revised later holds; one that says the same changes nothing.
INSERT INTO plan AS p (id, kind, node, usage_points, valid_from, valid_to, reason, notice, revised, dropped, by)
VALUES ($1, $2, (SELECT number FROM node WHERE id = $3),
        ARRAY(SELECT u.number FROM unnest($4::text[]) WITH ORDINALITY AS x (id, i) JOIN usage_point u USING (id) ORDER BY x.i),
        $5, $6, $7, $8, coalesce($9::timestamptz, now()), $10, $11)
ON CONFLICT (id) DO UPDATE SET stored = pg_current_xact_id(), kind = EXCLUDED.kind, node = EXCLUDED.node, usage_points = EXCLUDED.usage_points,
  valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, reason = EXCLUDED.reason, notice = EXCLUDED.notice, revised = EXCLUDED.revised,
  dropped = EXCLUDED.dropped, by = EXCLUDED.by
WHERE EXCLUDED.revised >= p.revised AND (p.kind, p.node, p.usage_points, p.valid_from, p.valid_to, p.reason, p.notice, p.dropped)
  IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.node, EXCLUDED.usage_points, EXCLUDED.valid_from, EXCLUDED.valid_to, EXCLUDED.reason, EXCLUDED.notice, EXCLUDED.dropped)
