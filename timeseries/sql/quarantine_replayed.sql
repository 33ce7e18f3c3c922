UPDATE quarantine SET replayed = now() WHERE id = $1 AND replayed IS NULL
