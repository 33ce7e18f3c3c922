SELECT coalesce(max(usage_point), 0) FROM interruption
