SELECT o.id, c.month, c.customers FROM customer_count c JOIN organisation o ON o.number = c.organisation ORDER BY c.month, o.id
