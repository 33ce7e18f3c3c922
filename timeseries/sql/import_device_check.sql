-- What is wrong with the lines themselves, with what they refer to, and with the installations that are stored.
WITH RECURSIVE first AS (
  SELECT DISTINCT ON (id) id, line, kind, protocol, address, profile, gateway FROM import_line ORDER BY id, line
), above AS ( -- which gateway stands above which, once the lines are written
  SELECT id, gateway FROM first WHERE kind = 'gateway' AND gateway <> ''
  UNION ALL
  SELECT d.id, g.id FROM device d JOIN device g ON g.number = d.gateway
  WHERE d.kind = 'gateway' AND NOT EXISTS (SELECT FROM import_line l WHERE l.id = d.id)
), way AS (
  SELECT f.id, f.gateway AS at FROM first f WHERE f.kind = 'gateway' AND f.gateway <> ''
  UNION
  SELECT w.id, a.gateway FROM way w JOIN above a ON a.id = w.at WHERE w.at <> w.id
), bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('%s from %s on is in line %s already', id, pg_temp.moment(valid_from), first) AS reason
  FROM (SELECT line, id, valid_from, first_value(line) OVER (PARTITION BY id, valid_from ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT l.line, l.id, 2, format('says other things about the device than line %s: (kind, protocol, address, profile, gateway) is %s there and %s here',
         f.line, (f.kind, f.protocol, f.address, f.profile, f.gateway)::text, (l.kind, l.protocol, l.address, l.profile, l.gateway)::text)
  FROM import_line l JOIN first f USING (id)
  WHERE l.line <> f.line AND (l.kind, l.protocol, l.address, l.profile, l.gateway) <> (f.kind, f.protocol, f.address, f.profile, f.gateway)
  UNION ALL
  SELECT line, id, 3, format('overlapping installation: ends %s, but line %s installs the device again from %s on', pg_temp.moment(valid_to), next_line, pg_temp.moment(next_from))
  FROM (SELECT line, id, valid_to, lead(valid_from) OVER w AS next_from, lead(line) OVER w AS next_line
        FROM import_line WINDOW w AS (PARTITION BY id ORDER BY valid_from, line)) d
  WHERE valid_to <> 'infinity' AND valid_to > next_from
  UNION ALL
  SELECT line, id, 4, format('unknown usage point %s', usage_point)
  FROM import_line l WHERE usage_point <> '' AND NOT EXISTS (SELECT FROM usage_point r WHERE r.id = l.usage_point)
  UNION ALL
  SELECT line, id, 5, 'is its own gateway' FROM import_line WHERE gateway = id
  UNION ALL
  SELECT line, id, 6, format('unknown gateway %s%s', gateway, pg_temp.refused_definition(gateway))
  FROM import_line l
  WHERE gateway <> '' AND NOT EXISTS (SELECT FROM device r WHERE r.id = l.gateway) AND NOT EXISTS (SELECT FROM import_line r WHERE r.id = l.gateway)
  UNION ALL
  SELECT l.line, l.id, 7, format('gateway %s is a %s', l.gateway, coalesce(f.kind, d.kind))
  FROM import_line l LEFT JOIN first f ON f.id = l.gateway LEFT JOIN device d ON d.id = l.gateway
  WHERE l.gateway <> '' AND coalesce(f.kind, d.kind) <> 'gateway'
  UNION ALL
  SELECT l.line, l.id, 7, format('is its own gateway: above %s comes %s again', l.gateway, l.id)
  FROM import_line l JOIN way w ON w.id = l.id AND w.at = l.id WHERE l.gateway <> l.id
  UNION ALL
  SELECT l.line, l.id, 8, format('overlapping installation: the device is at usage point %s from %s until %s', u.id, pg_temp.moment(i.valid_from), pg_temp.moment(i.valid_to))
  FROM import_line l JOIN device d ON d.id = l.id JOIN installation i ON i.device = d.number JOIN usage_point u ON u.number = i.usage_point
  WHERE l.usage_point <> ''
    AND NOT EXISTS (SELECT FROM installation s WHERE s.device = d.number AND s.valid_from = l.valid_from)
    AND NOT EXISTS (SELECT FROM import_line s WHERE s.id = l.id AND s.valid_from = i.valid_from)
    AND i.valid_from < l.valid_to AND l.valid_from < i.valid_to
    AND CASE WHEN i.valid_from < l.valid_from THEN i.valid_to <> 'infinity' AND NOT (u.id = l.usage_point AND l.valid_to IN (i.valid_to, 'infinity'))
             ELSE l.valid_to <> 'infinity' END
  UNION ALL
  SELECT line, id, 9, format('unknown node %s', node)
  FROM import_line l WHERE node <> '' AND NOT EXISTS (SELECT FROM node r WHERE r.id = l.node)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
