-- The versions that what is staged takes the place of stay, until this revision.
INSERT INTO interruption_former (usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                                 inferred, withdrawn, reason, written, until)
SELECT i.usage_point, i.id, i.revision, i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared,
       i.inferred, i.withdrawn, i.reason, i.written, $1::bigint
FROM interruption i JOIN record_interruption f USING (usage_point, id)
WHERE (i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared, i.inferred, i.withdrawn)
      IS DISTINCT FROM (f.outage, f.started, f.ended, f.not_before, f.start_by, f.end_by, f.phases, f.cause, f.planned, f.own, f.declared, f.inferred, f.withdrawn)
