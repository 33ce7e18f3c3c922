-- Nothing where the delivery is no more.
INSERT INTO webhook_attempt (delivery, number, at, status, latency_us, failure)
SELECT number, $2, $3, $4, $5, $6 FROM webhook_delivery WHERE number = $1
ON CONFLICT (delivery, number) DO NOTHING
