-- Newest first. Index: webhook_delivery (webhook, number), read backwards.
AND d.webhook = $1 AND d.number < $2 AND ($3 = '' OR d.state = $3) ORDER BY d.number DESC LIMIT $4
