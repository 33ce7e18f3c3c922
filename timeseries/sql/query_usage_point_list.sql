-- Usage points as they are now, in the order of their ids. Index: usage_point (id). In place of the mark stand
-- query_usage_point_by_node.sql, ..._by_organisation.sql and ..._by_text.sql as far as they are asked for.
SELECT u.id, v.name, v.address, n.id, coalesce(o.id, ''), v.phases, v.generation, v.connected_va, v.valid_from, nullif(v.valid_to, 'infinity')
FROM usage_point u
JOIN usage_point_version v ON v.usage_point = u.number AND v.valid_from <= now() AND now() < v.valid_to
JOIN node n ON n.number = v.node
LEFT JOIN organisation o ON o.number = v.organisation
WHERE u.id > $1 AND $3::text IS NOT NULL AND $4::text IS NOT NULL AND $5::text IS NOT NULL
  /*picked*/
ORDER BY u.id LIMIT $2
