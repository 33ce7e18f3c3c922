UPDATE session SET seen = $2 WHERE hash = $1 AND seen < $2
