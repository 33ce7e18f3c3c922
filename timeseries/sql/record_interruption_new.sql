INSERT INTO interruption (usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                          inferred, withdrawn, reason, written)
SELECT usage_point, id, $1::bigint, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, now()
FROM record_interruption f
WHERE NOT EXISTS (SELECT FROM interruption i WHERE i.usage_point = f.usage_point AND i.id = f.id)
