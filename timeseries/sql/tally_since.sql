SELECT day, segment, proven, gasped, logged, returned, "false", meter_days FROM segment_tally WHERE day >= $1 ORDER BY day, segment
