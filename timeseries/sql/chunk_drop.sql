SELECT count(*)
FROM unnest(ARRAY['reading', 'reading_other', 'event']) AS hypertable, drop_chunks(hypertable::regclass, older_than => $1::timestamptz) AS chunk
