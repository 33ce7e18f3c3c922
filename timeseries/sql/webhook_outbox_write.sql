UPDATE webhook_outbox SET revision = $1
