-- Runs that were handed out are made anew by themselves when something has come in late, and each day the day before is validated.

CREATE TABLE review_hour (
  hour timestamptz PRIMARY KEY
);
COMMENT ON TABLE review_hour IS 'hours of which readings came in late and were taken in, since runs were reviewed';

ALTER TABLE billing_run ADD COLUMN review_of bigint REFERENCES billing_run;
CREATE INDEX ON billing_run (review_of) WHERE review_of IS NOT NULL;
COMMENT ON COLUMN billing_run.review_of IS 'the run of which this one shows what has changed since';

ALTER TABLE billing_state ADD COLUMN reviewed timestamptz, ADD COLUMN validated timestamptz, ADD COLUMN validated_after text NOT NULL DEFAULT '';
COMMENT ON COLUMN billing_state.validated IS 'days that ended by then are validated, and of the next one usage points up to validated_after';
