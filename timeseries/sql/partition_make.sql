SELECT make_partition('reading', $1), make_partition('reading_other', $1), make_partition('event', $1)
