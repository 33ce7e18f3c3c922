-- Names are found however they are written: without marks, in any case. And billing runs say which revision of the ledger they were made of.

CREATE FUNCTION folded(what text) RETURNS text IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $$
  SELECT lower(translate(normalize(what, NFD), 'đĐ' || U&'\0300\0301\0303\0309\0323\0302\0306\031B\0308', 'dd'))
$$;
COMMENT ON FUNCTION folded IS 'text as it is looked for: small letters without the marks of Vietnamese';

ALTER TABLE usage_point_version ADD COLUMN words text NOT NULL GENERATED ALWAYS AS (folded(name || E'\n' || address)) STORED;
COMMENT ON COLUMN usage_point_version.words IS 'name and address as they are looked for';

ALTER TABLE billing_run ADD COLUMN revision bigint;
COMMENT ON COLUMN billing_run.revision IS 'of the ledger that it was made of; NULL: not made, or not noted';
