-- The last wide reading of one device. Index: the primary key (meter, time), backwards.
SELECT time, received, quality,
       import_wh, import_wh_t1, import_wh_t2, import_wh_t3, import_wh_t4, export_wh, export_wh_t1, export_wh_t2, export_wh_t3, export_wh_t4, import_varh, import_varh_t1, import_varh_t2, import_varh_t3, import_varh_t4, export_varh, export_varh_t1, export_varh_t2, export_varh_t3, export_varh_t4, v1, v2, v3, i1, i2, i3, p, p1, p2, p3, q, s, pf, f, thd
FROM reading
WHERE meter = $1
ORDER BY time DESC LIMIT 1
