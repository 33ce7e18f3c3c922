WITH late AS (
  INSERT INTO import_refused (line, id, reason) SELECT * FROM unnest($1::int[], $2::text[], $3::text[]) RETURNING line
)
DELETE FROM import_line USING late WHERE import_line.line = late.line
