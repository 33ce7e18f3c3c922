-- Usage points in byte order of their ids. In place of the mark stand billing_point_by_number.sql, ..._by_id.sql and
-- ..._by_organisation.sql as far as they are asked for.
SELECT u.number, u.id,
       coalesce((SELECT o.id FROM usage_point_version v JOIN organisation o ON o.number = v.organisation WHERE v.usage_point = u.number ORDER BY v.valid_from DESC LIMIT 1), ''),
       coalesce((SELECT v.generation FROM usage_point_version v WHERE v.usage_point = u.number ORDER BY v.valid_from DESC LIMIT 1), false)
FROM usage_point u
WHERE u.id COLLATE "C" > $1 AND $3::text[] IS NOT NULL AND $4::text IS NOT NULL AND $5::int[] IS NOT NULL /*picked*/
ORDER BY u.id COLLATE "C" LIMIT $2
