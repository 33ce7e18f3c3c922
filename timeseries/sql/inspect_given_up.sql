-- Index: webhook_delivery (ended) WHERE state <> 'waiting'.
SELECT count(*) FROM webhook_delivery WHERE state = 'given_up' AND ended > now() - INTERVAL '1 day'
