-- Index: webhook_delivery (ended).
DELETE FROM webhook_delivery WHERE state <> 'waiting' AND ended < $1
