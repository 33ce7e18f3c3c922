-- An outage follows what was decided about its rows.
UPDATE outage o SET revision = $2, changed = now(),
  cause = CASE $3::text WHEN 'cause' THEN $4 ELSE o.cause END,
  planned = CASE $3 WHEN 'planned' THEN true WHEN 'unplanned' THEN false ELSE o.planned END,
  declared = CASE $3 WHEN 'declared' THEN true WHEN 'undeclared' THEN false ELSE o.declared END,
  own = EXISTS (SELECT FROM interruption i WHERE i.outage = o.number AND i.own AND NOT i.withdrawn)
WHERE o.number = $1
