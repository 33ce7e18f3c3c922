-- The detector's own, not closed or with a part in the time that is replayed. Index: outage (state); closed ones are read through.
AND o.number > 0 AND (o.state IN ('suspected', 'confirmed', 'restored') OR coalesce(o.ended, o.changed) >= $1)
ORDER BY o.number
