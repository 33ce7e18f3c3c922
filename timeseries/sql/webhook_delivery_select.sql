-- Deliveries. In place of the mark stand conditions and an order.
SELECT d.number, d.webhook, d.event, d.message, d.subject, d.body, d.created, d.state, d.attempts, d.due, d.ended, d.again, d.reason
FROM webhook_delivery d
WHERE true /*picked*/
