DELETE FROM gap WHERE number = ANY ($1)
