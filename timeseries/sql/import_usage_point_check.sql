-- What is wrong with the lines themselves and with what they refer to. Ids are looked up through the unique index
-- of their table, or hashed whole for a large file.
WITH bad AS (
  SELECT DISTINCT ON (line) line, id, reason FROM (
  SELECT line, id, 1 AS rank, format('%s from %s on is in line %s already', id, pg_temp.moment(valid_from), first) AS reason
  FROM (SELECT line, id, valid_from, first_value(line) OVER (PARTITION BY id, valid_from ORDER BY line) AS first FROM import_line) d
  WHERE line <> first
  UNION ALL
  SELECT line, id, 2, format('is valid until %s, but line %s has another version from %s on', pg_temp.moment(valid_to), next_line, pg_temp.moment(next_from))
  FROM (SELECT line, id, valid_to, lead(valid_from) OVER w AS next_from, lead(line) OVER w AS next_line
        FROM import_line WINDOW w AS (PARTITION BY id ORDER BY valid_from, line)) d
  WHERE valid_to <> 'infinity' AND valid_to > next_from
  UNION ALL
  SELECT line, id, 3, format('unknown node %s%s', node, pg_temp.refused_definition(node))
  FROM import_line l
  WHERE l.node <> '' AND NOT EXISTS (SELECT FROM node r WHERE r.id = l.node)
  UNION ALL
  SELECT line, id, 4, format('unknown organisation %s%s', organisation, pg_temp.refused_definition(organisation))
  FROM import_line l
  WHERE l.organisation <> '' AND NOT EXISTS (SELECT FROM organisation r WHERE r.id = l.organisation)
  ) b ORDER BY line, rank
), gone AS (
  DELETE FROM import_line l USING bad WHERE l.line = bad.line
)
INSERT INTO import_refused (line, id, reason) SELECT line, id, reason FROM bad ORDER BY line
RETURNING line, id, reason
