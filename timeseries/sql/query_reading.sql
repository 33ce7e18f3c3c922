-- Wide readings of one device in a half-open time, oldest first. Index: the primary key (meter, time). The mark
-- stands for what keeps rows without any of the wanted quantities out.
SELECT time, received, quality,
       import_wh, import_wh_t1, import_wh_t2, import_wh_t3, import_wh_t4, export_wh, export_wh_t1, export_wh_t2, export_wh_t3, export_wh_t4, import_varh, import_varh_t1, import_varh_t2, import_varh_t3, import_varh_t4, export_varh, export_varh_t1, export_varh_t2, export_varh_t3, export_varh_t4, v1, v2, v3, i1, i2, i3, p, p1, p2, p3, q, s, pf, f, thd
FROM reading
WHERE meter = $1 AND time >= $2 AND time < $3 /*wanted*/
ORDER BY time LIMIT $4
