SELECT cursor, replay_from, now, next_outage, next_row, storm, settings FROM detection
