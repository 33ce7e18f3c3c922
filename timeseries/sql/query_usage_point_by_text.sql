-- With a text in the id, name or address. No index: they are read once.
AND u.number IN (
  SELECT number FROM usage_point WHERE strpos(lower(id), lower($5)) > 0
  UNION
  SELECT usage_point FROM usage_point_version
  WHERE valid_from <= now() AND now() < valid_to AND strpos(words, folded($5)) > 0
)
