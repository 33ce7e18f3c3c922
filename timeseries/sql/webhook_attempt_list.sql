SELECT delivery, number, at, status, latency_us, failure FROM webhook_attempt WHERE delivery = $1 ORDER BY number
