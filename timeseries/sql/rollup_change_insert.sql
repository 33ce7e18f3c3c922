INSERT INTO rollup_change (hour) SELECT unnest($1::timestamptz[])
