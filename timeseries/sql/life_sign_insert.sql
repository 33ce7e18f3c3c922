INSERT INTO life_sign (received, first, last, signs) VALUES ($1, $2, $3, $4)
