-- 8 is headend.ByImport.
WITH former AS (
  INSERT INTO interruption_former (usage_point, id, revision, outage, started, ended, not_before, start_by, end_by, phases, cause, planned, own, declared,
                                   inferred, withdrawn, reason, written, until)
  SELECT i.usage_point, i.id, i.revision, i.outage, i.started, i.ended, i.not_before, i.start_by, i.end_by, i.phases, i.cause, i.planned, i.own, i.declared,
         i.inferred, i.withdrawn, i.reason, i.written, d.revision
  FROM import_row r JOIN interruption i USING (usage_point, id), detection d
)
INSERT INTO interruption (usage_point, id, revision, outage, started, ended, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, written)
SELECT r.usage_point, r.id, d.revision, coalesce(o.number, 0), l.started, l.ended, 8, 8, l.phases, l.cause, l.planned, false, false, false, false,
       CASE WHEN r.fresh THEN '' ELSE 'imported again' END, now()
FROM import_row r JOIN import_line l USING (line) LEFT JOIN outage o ON o.number < 0 AND o.reference <> '' AND o.reference = l.outage, detection d
ORDER BY r.usage_point, r.id
ON CONFLICT (usage_point, id) DO UPDATE SET (revision, outage, started, ended, phases, cause, planned, withdrawn, reason, written)
  = ROW (EXCLUDED.revision, EXCLUDED.outage, EXCLUDED.started, EXCLUDED.ended, EXCLUDED.phases, EXCLUDED.cause, EXCLUDED.planned, EXCLUDED.withdrawn, EXCLUDED.reason, EXCLUDED.written)
