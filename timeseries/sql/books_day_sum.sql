SELECT o.id, d.day, d.customers, d.ci, d.cms FROM day_sum d JOIN organisation o ON o.number = d.organisation
WHERE o.id = $1 AND d.day >= $2 AND d.day < $3 ORDER BY d.day
