-- Named. Index: usage_point (id).
AND u.id = ANY ($6)
