-- At one of the usage points in the time. Index: installation (usage_point, valid_from).
AND d.number IN (
  SELECT i.device FROM usage_point u JOIN installation i ON i.usage_point = u.number AND i.valid_from < $4 AND $3 < i.valid_to
  WHERE true /*points*/
)
