DELETE FROM webhook WHERE number = $1
