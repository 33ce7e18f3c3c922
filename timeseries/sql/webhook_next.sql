-- How long until something is due that does not wait for an earlier one of its subject. Index: webhook_delivery (webhook, due).
SELECT extract(epoch FROM min(d.due) - now())::float8 FROM webhook_delivery d JOIN webhook w ON w.number = d.webhook
WHERE d.state = 'waiting' AND w.enabled
  AND NOT EXISTS (SELECT FROM webhook_delivery e WHERE e.webhook = d.webhook AND e.subject = d.subject AND e.state = 'waiting' AND e.number < d.number)
