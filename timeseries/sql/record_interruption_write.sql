-- What is staged, each row once, becomes current where it differs; the version it takes the place of stays, until this revision.
WITH former AS (
  INSERT INTO interruption_former (usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                                   inferred, withdrawn, reason, written, until)
  SELECT i.usage_point, i.id, i.revision, i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared,
         i.inferred, i.withdrawn, i.reason, i.written, $1
  FROM interruption i JOIN record_interruption f USING (usage_point, id)
  WHERE (i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared, i.inferred, i.withdrawn)
        IS DISTINCT FROM (f.outage, f.started, f.ended, f.not_before, f.start_by, f.end_by, f.phases, f.cause, f.planned, f.own, f.declared, f.inferred, f.withdrawn)
)
INSERT INTO interruption AS i (usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                               inferred, withdrawn, reason, written)
SELECT usage_point, id, $1, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, now()
FROM record_interruption
ON CONFLICT (usage_point, id) DO UPDATE SET (revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                                             inferred, withdrawn, reason, written)
  = ROW (EXCLUDED.revision, EXCLUDED.outage, EXCLUDED.started, EXCLUDED.ended, EXCLUDED.not_before, EXCLUDED.start_by, EXCLUDED.end_by, EXCLUDED.phases,
         EXCLUDED.cause, EXCLUDED.planned, EXCLUDED.own, EXCLUDED.declared, EXCLUDED.inferred, EXCLUDED.withdrawn, EXCLUDED.reason, EXCLUDED.written)
WHERE (i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared, i.inferred, i.withdrawn)
      IS DISTINCT FROM (EXCLUDED.outage, EXCLUDED.started, EXCLUDED.ended, EXCLUDED.not_before, EXCLUDED.start_by, EXCLUDED.end_by, EXCLUDED.phases,
                        EXCLUDED.cause, EXCLUDED.planned, EXCLUDED.own, EXCLUDED.declared, EXCLUDED.inferred, EXCLUDED.withdrawn)
