-- What is staged, each row once, becomes current where it differs. Nobody else writes meanwhile.
UPDATE interruption i SET (revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, written)
  = ROW ($1::bigint, f.outage, f.started, f.ended, f.not_before, f.start_by, f.end_by, f.phases, f.cause, f.planned, f.own, f.declared, f.inferred, f.withdrawn, f.reason, now())
FROM record_interruption f
WHERE i.usage_point = f.usage_point AND i.id = f.id
  AND (i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared, i.inferred, i.withdrawn)
      IS DISTINCT FROM (f.outage, f.started, f.ended, f.not_before, f.start_by, f.end_by, f.phases, f.cause, f.planned, f.own, f.declared, f.inferred, f.withdrawn)
