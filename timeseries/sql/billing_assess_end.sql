DROP TABLE duty_owed
