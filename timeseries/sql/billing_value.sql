-- The versions that hold. Index: the primary key.
SELECT DISTINCT ON (v.usage_point, v.quantity, v.value_from, v.value_to)
       v.usage_point, v.quantity, v.value_from, v.value_to, v.version, v.state, v.wh, v.method, v.summed, v.absent, v.made, v.reason
FROM value_version v
WHERE v.usage_point = ANY ($1) AND v.quantity = ANY ($2) AND v.value_from >= $3 AND v.value_from < $4
ORDER BY v.usage_point, v.quantity, v.value_from, v.value_to, v.version DESC
