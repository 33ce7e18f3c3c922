-- Up to which revision to read: the last, or the one in which the $2-th outage since $1 was written. Index: outage (revision).
SELECT coalesce((SELECT o.revision FROM outage o WHERE o.revision > $1 ORDER BY o.revision OFFSET $2 LIMIT 1), d.revision), EXISTS (SELECT FROM webhook WHERE enabled)
FROM detection d
