-- A webhook that does not keep up for very long gives the oldest up. Index: webhook_delivery (webhook, number).
UPDATE webhook_delivery d SET state = 'given_up', ended = now(), reason = 'more than ' || $1 || ' deliveries wait for this webhook'
FROM webhook w
WHERE d.webhook = w.number AND d.state = 'waiting'
  AND d.number <= (SELECT e.number FROM webhook_delivery e WHERE e.webhook = w.number AND e.state = 'waiting' ORDER BY e.number DESC OFFSET $1 LIMIT 1)
