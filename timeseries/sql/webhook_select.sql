-- Webhooks with how they fare. In place of the mark stand conditions and an order. Index: webhook_delivery (webhook, state, ended).
SELECT w.number, w.url, w.events, w.description, w.enabled, w.created, w.changed, w.secret, w.former, w.former_until,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook = w.number AND d.state = 'waiting'),
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook = w.number AND d.state = 'given_up' AND d.ended > now() - INTERVAL '24 hours'),
       (SELECT max(d.ended) FROM webhook_delivery d WHERE d.webhook = w.number AND d.state = 'delivered')
FROM webhook w
WHERE true /*picked*/
