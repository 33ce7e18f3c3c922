-- What is due, of each webhook as many as there is room for ($1 webhooks that have $2 under way already), and of each
-- subject the earliest alone; what another head-end has just taken is passed over. An attempt that nobody reports on is
-- made again after $5. Index: webhook_delivery (webhook, due).
WITH due AS MATERIALIZED (
  SELECT d.number
  FROM webhook w
  LEFT JOIN unnest($1::bigint[], $2::int[]) busy (webhook, taken) ON busy.webhook = w.number
  CROSS JOIN LATERAL (
    SELECT d.number FROM webhook_delivery d
    WHERE d.webhook = w.number AND d.state = 'waiting' AND d.due <= now()
      AND NOT EXISTS (SELECT FROM webhook_delivery e WHERE e.webhook = d.webhook AND e.subject = d.subject AND e.state = 'waiting' AND e.number < d.number)
    ORDER BY d.due, d.number LIMIT greatest($3 - coalesce(busy.taken, 0), 0) FOR UPDATE SKIP LOCKED
  ) d
  WHERE w.enabled
  LIMIT $4
)
UPDATE webhook_delivery d SET attempts = d.attempts + 1, due = now() + $5 * INTERVAL '1 microsecond'
FROM due, webhook w
WHERE d.number = due.number AND w.number = d.webhook
RETURNING d.number, d.webhook, d.event, d.message, d.subject, d.body, d.created, d.attempts, d.again, w.url, w.secret, w.former, w.former_until
