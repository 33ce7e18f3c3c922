SELECT number FROM device WHERE id = $1
