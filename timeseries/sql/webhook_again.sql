-- A delivery once more, by hand: the same message, so that the receiver knows it.
INSERT INTO webhook_delivery (webhook, event, message, subject, body, again)
SELECT webhook, event, message, subject, body, number FROM webhook_delivery WHERE webhook = $1 AND number = $2
RETURNING number
