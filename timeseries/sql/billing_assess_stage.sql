-- What becomes of readings without statistics is not known to the planner, which would go through them for each member; and an
-- hour's readings of some hundred thousand meters are put in order in memory. Rows that have all they owe are counted together.
CREATE TEMP TABLE duty_owed (usage_point int, part int NOT NULL, owed bigint NOT NULL, got bigint NOT NULL, in_time bigint NOT NULL, devices bigint NOT NULL) ON COMMIT DROP;
SET LOCAL enable_nestloop = off;
SET LOCAL work_mem = '96MB'
