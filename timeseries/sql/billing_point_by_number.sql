AND u.number = ANY ($5)
