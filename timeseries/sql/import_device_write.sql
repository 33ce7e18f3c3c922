-- A device is what its lines say (they agree). It is retired when its last line ends it without a usage point.
WITH said AS (
  SELECT DISTINCT ON (l.id) d.number, l.id, l.kind, l.protocol, l.address, l.profile, g.number AS gateway,
         CASE WHEN l.usage_point = '' AND l.valid_to <= now() THEN 'retired' ELSE 'active' END AS state
  FROM import_line l JOIN device d ON d.id = l.id LEFT JOIN device g ON g.id = l.gateway
  ORDER BY l.id, l.valid_from DESC
), written AS (
  UPDATE device d SET kind = s.kind, protocol = s.protocol, address = s.address, profile = s.profile, gateway = s.gateway, state = s.state
  FROM said s
  WHERE d.number = s.number
    AND (d.kind, d.protocol, d.address, d.profile, d.gateway, d.state) IS DISTINCT FROM (s.kind, s.protocol, s.address, s.profile, s.gateway, s.state)
  RETURNING d.id
)
INSERT INTO import_changed (id) SELECT id FROM written
