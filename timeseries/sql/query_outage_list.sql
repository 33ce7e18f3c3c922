-- Newest first. Index: outage (coalesce(started, changed), number), read backwards as far as the limit asks; of few states outage (state).
AND (cardinality($1::text[]) = 0 AND o.state <> 'withdrawn' OR o.state = ANY ($1))
AND ($2::boolean IS NULL OR o.planned = $2)
AND ($3::timestamptz IS NULL OR coalesce(o.ended, CASE WHEN o.state IN ('suspected', 'confirmed') THEN 'infinity' ELSE coalesce(o.started, o.changed) END) > $3)
AND ($4::timestamptz IS NULL OR coalesce(o.started, o.changed) < $4)
AND o.revision > $5
AND ($6::bigint = 0 OR o.number = $6)
AND ($7::timestamptz IS NULL OR (coalesce(o.started, o.changed), o.number) < ($7, $8::bigint))
AND $10::text IS NOT NULL /*picked*/
ORDER BY coalesce(o.started, o.changed) DESC, o.number DESC LIMIT $9
