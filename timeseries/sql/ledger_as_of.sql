SELECT usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, written
FROM interruption WHERE revision <= $11
UNION ALL
SELECT usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, written
FROM interruption_former WHERE revision <= $11 AND until > $11
