-- Of runs over the same about the same the last, if it is made and its period does not lie too far back, is asked for again where something came
-- in late that its values may hang on: like days lie up to 35 days before it.
WITH latest AS (
  SELECT DISTINCT ON (run_from, run_to, quantities, selection, with_values, gate, part) * FROM billing_run
  WHERE state IN ('asked', 'made') AND run_to > $2
  ORDER BY run_from, run_to, quantities, selection, with_values, gate, part, number DESC
), asked AS (
  INSERT INTO billing_run (state, author, run_from, run_to, quantities, selection, with_values, gate, part, review_of)
  SELECT 'asked', 'review of run ' || coalesce(review_of, number), run_from, run_to, quantities, selection, with_values, gate, part, coalesce(review_of, number)
  FROM latest l
  WHERE state = 'made' AND EXISTS (SELECT FROM review_hour h WHERE h.hour > l.run_from - INTERVAL '36 days' AND h.hour < l.run_to + INTERVAL '3 days')
  ORDER BY number
  RETURNING 1
), taken AS (
  DELETE FROM review_hour
), done AS (
  UPDATE billing_state SET reviewed = $1
)
SELECT count(*)::int FROM asked
