INSERT INTO duty_block (number, members) VALUES ($1, $2)
