-- Of several head-ends one fills the outbox at a time.
SELECT revision FROM webhook_outbox FOR UPDATE
