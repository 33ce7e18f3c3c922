AND u.id = ANY ($3)
