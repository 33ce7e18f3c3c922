SELECT min(coalesce(started, not_before, ended)), max(coalesce(started, not_before, ended)) FROM interruption
