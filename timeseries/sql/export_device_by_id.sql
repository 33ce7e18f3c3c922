-- Named. Index: device (id).
AND d.id = ANY ($5)
