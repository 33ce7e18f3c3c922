SELECT number, name FROM quantity
