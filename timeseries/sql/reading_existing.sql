-- Primary key (meter, time); the bounds let the planner leave out other chunks.
SELECT r.meter, r.time, r.received, r.quality,
  r.import_wh, r.import_wh_t1, r.import_wh_t2, r.import_wh_t3, r.import_wh_t4,
  r.export_wh, r.export_wh_t1, r.export_wh_t2, r.export_wh_t3, r.export_wh_t4,
  r.import_varh, r.import_varh_t1, r.import_varh_t2, r.import_varh_t3, r.import_varh_t4,
  r.export_varh, r.export_varh_t1, r.export_varh_t2, r.export_varh_t3, r.export_varh_t4,
  r.v1, r.v2, r.v3, r.i1, r.i2,
  r.i3, r.p, r.p1, r.p2, r.p3,
  r.q, r.s, r.pf, r.f, r.thd
FROM unnest($1::int[], $2::timestamptz[]) AS key (meter, time)
JOIN reading r ON r.meter = key.meter AND r.time = key.time
WHERE r.meter = ANY ($1) AND r.time >= $3 AND r.time <= $4
