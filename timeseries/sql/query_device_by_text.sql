-- Devices with a text in their id, or in the id, name or address of the usage point they measure. No index: they
-- are read once.
AND d.number IN (
  SELECT number FROM device WHERE strpos(lower(id), lower($7)) > 0
  UNION
  SELECT ti.device FROM usage_point tu JOIN installation ti ON ti.usage_point = tu.number AND ti.valid_from <= now() AND now() < ti.valid_to
  WHERE strpos(lower(tu.id), lower($7)) > 0
  UNION
  SELECT ti.device FROM usage_point_version tv JOIN installation ti ON ti.usage_point = tv.usage_point AND ti.valid_from <= now() AND now() < ti.valid_to
  WHERE tv.valid_from <= now() AND now() < tv.valid_to AND strpos(tv.words, folded($7)) > 0
)
