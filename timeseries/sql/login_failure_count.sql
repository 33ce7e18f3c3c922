INSERT INTO login_failure AS f (name, count, last) VALUES (lower($1), 1, $2)
ON CONFLICT (name) DO UPDATE SET count = CASE WHEN f.last < $2::timestamptz - INTERVAL '1 day' THEN 1 ELSE least(f.count + 1, 1000) END, last = greatest(f.last, $2)
