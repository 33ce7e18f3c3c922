-- Numbers are given in the order of the events.
INSERT INTO webhook_delivery (webhook, event, message, subject, body)
SELECT w.number, n.event, n.message, n.subject, n.body
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY n (event, message, subject, body, line)
JOIN webhook w ON w.enabled AND n.event = ANY (w.events)
ORDER BY n.line, w.number
