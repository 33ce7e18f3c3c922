-- Index: interruption (coalesce(started, not_before, '-infinity'), usage_point, id), from where the last page ended; of open rows interruption (ended).
AND ($1 = '' OR i.usage_point = (SELECT number FROM usage_point WHERE id = $1))
AND ($2::bigint = 0 OR i.outage = $2)
AND ($3::timestamptz IS NULL OR i.ended > $3 OR i.ended IS NULL)
AND ($4::timestamptz IS NULL OR coalesce(i.started, i.not_before, '-infinity') < $4)
AND (NOT $5::boolean OR i.ended IS NULL AND NOT i.withdrawn)
AND ($6::timestamptz IS NULL OR (coalesce(i.started, i.not_before, '-infinity'), i.usage_point, i.id) > ($6, $7::int, $8::bigint))
AND $10::text IS NOT NULL AND $11::bigint IS NOT NULL /*picked*/
ORDER BY coalesce(i.started, i.not_before, '-infinity'), i.usage_point, i.id LIMIT $9
