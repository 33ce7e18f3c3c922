-- What the rows of an outage make of it: those the file gave rows to, and those it took rows from. Its node is the lowest
-- that all its usage points hung below when it began.
WITH RECURSIVE touched AS (
  SELECT i.outage AS number FROM import_row r JOIN interruption i USING (usage_point, id) WHERE i.outage < 0
  UNION
  SELECT was FROM import_row WHERE was < 0
), whole AS (
  SELECT t.number, min(i.started) AS started, max(i.ended) AS ended, count(DISTINCT i.usage_point)::int AS customers, min(i.usage_point) AS usage_point,
         coalesce(mode() WITHIN GROUP (ORDER BY i.cause), '') AS cause, coalesce(bool_or(i.planned), false) AS planned,
         CASE WHEN bool_or(i.phases = 0) IS NOT FALSE THEN 0 ELSE bit_or(i.phases) END AS phases
  FROM touched t LEFT JOIN interruption i ON i.outage = t.number AND NOT i.withdrawn GROUP BY t.number
), up AS (
  SELECT DISTINCT w.number, w.started AS at, i.usage_point, v.node, 0 AS depth
  FROM whole w JOIN interruption i ON i.outage = w.number AND NOT i.withdrawn
  JOIN usage_point_version v ON v.usage_point = i.usage_point AND v.valid_from <= w.started AND w.started < v.valid_to
  WHERE w.customers > 1
  UNION ALL
  SELECT up.number, up.at, up.usage_point, v.parent, up.depth + 1
  FROM up JOIN node_version v ON v.node = up.node AND v.valid_from <= up.at AND up.at < v.valid_to
  WHERE v.parent IS NOT NULL AND up.depth < 32
), lowest AS (
  SELECT DISTINCT ON (c.number) c.number, c.node
  FROM (SELECT number, node, count(*) AS customers, min(depth) AS depth FROM up GROUP BY number, node) c
  JOIN whole w USING (number) WHERE c.customers = w.customers ORDER BY c.number, c.depth
), now_is AS (
  UPDATE outage o SET state = CASE WHEN w.customers = 0 THEN 'withdrawn' ELSE 'closed' END, reason = CASE WHEN w.customers = 0 THEN 'imported again' ELSE '' END,
    node = l.node, usage_point = CASE WHEN w.customers = 1 THEN w.usage_point END, started = w.started, ended = w.ended, customers = w.customers, seen = w.customers,
    cause = w.cause, planned = w.planned, phases = w.phases, revision = d.revision, changed = now()
  FROM whole w LEFT JOIN lowest l USING (number), detection d
  WHERE o.number = w.number
  RETURNING o.number, o.revision, o.state, o.node, o.customers
)
INSERT INTO outage_change (outage, revision, at, state, node, customers, out, summary)
SELECT number, revision, now(), state, node, customers, 0, 'imported' FROM now_is
