-- All versions of the values of a usage point. Index: the primary key.
SELECT v.usage_point, v.quantity, v.value_from, v.value_to, v.version, v.state, v.wh, v.method, v.summed, v.absent, v.made, v.reason
FROM value_version v JOIN usage_point u ON u.number = v.usage_point
WHERE u.id = $1 AND ($2 = '' OR v.quantity = $2) AND v.value_from >= $3 AND v.value_from < $4
ORDER BY v.value_from, v.quantity, v.value_to, v.version
LIMIT $5
