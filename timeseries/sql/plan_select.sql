-- Entries of the calendar. In place of the mark stand further conditions.
SELECT p.id, p.kind, coalesce(n.id, ''), ARRAY(SELECT u.id FROM unnest(p.usage_points) WITH ORDINALITY AS x (number, i) JOIN usage_point u USING (number) ORDER BY x.i),
       p.valid_from, p.valid_to, p.reason, p.notice, p.revised, p.dropped, p.by
FROM plan p LEFT JOIN node n ON n.number = p.node
WHERE true /*picked*/
