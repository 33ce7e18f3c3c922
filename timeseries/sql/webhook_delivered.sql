UPDATE webhook_delivery SET state = 'delivered', ended = now(), reason = '' WHERE number = $1 AND state = 'waiting'
