-- The schema of the views that hold a part of the organisation; $$ stands for what they were made from.
DROP SCHEMA IF EXISTS part CASCADE;
CREATE SCHEMA part;
CREATE FUNCTION part.mine() RETURNS int[] STABLE PARALLEL SAFE LANGUAGE sql RETURN current_setting('lastgasp.part')::int[];
CREATE FUNCTION part.closed(what text) RETURNS boolean LANGUAGE plpgsql STABLE AS $f$
BEGIN
  RAISE EXCEPTION '% is not divided by organisations, so who sees a part of the organisation sees nothing of it', what USING ERRCODE = 'insufficient_privilege';
END $f$;
