SELECT number, id FROM usage_point WHERE number = ANY ($1)
