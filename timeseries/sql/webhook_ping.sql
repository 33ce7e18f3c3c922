INSERT INTO webhook_delivery (webhook, event, message, subject, body) SELECT number, $2, $3, $4, $5 FROM webhook WHERE number = $1 RETURNING number
