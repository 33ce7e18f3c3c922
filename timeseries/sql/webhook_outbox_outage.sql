-- Not what was imported. Index: outage (revision).
AND o.revision > $1 AND o.revision <= $2 AND o.number > 0 ORDER BY o.revision, o.number
