-- Rows with signs of life since a time by the devices' clocks. No index: the table holds some days, most of them asked for.
SELECT received, signs FROM life_sign WHERE last >= $1
