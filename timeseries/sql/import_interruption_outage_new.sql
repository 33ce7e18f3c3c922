-- Outages the file names and nobody has numbered yet; what they are is derived from their rows afterwards.
INSERT INTO outage (number, reference, state, part, phases, odds, cause, planned, own, declared, plan, overrun, customers, out, seen, summary, trail, steps, revision, changed, reason)
SELECT least((SELECT min(number) FROM outage), 0) - row_number() OVER (ORDER BY r.outage), r.outage, 'closed', false, 0, 0, '', false, false, false, '', INTERVAL '0',
       0, 0, 0, 'imported', '{}', '[]', d.revision, now(), ''
FROM (SELECT DISTINCT l.outage FROM import_line l JOIN import_row USING (line)
      WHERE l.outage <> '' AND NOT EXISTS (SELECT FROM outage o WHERE o.number < 0 AND o.reference = l.outage)) r, detection d
