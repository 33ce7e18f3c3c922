-- What becomes of readings without statistics is not known to the planner, which would go through them for each member.
CREATE TEMP TABLE duty_owed (usage_point int NOT NULL, part int NOT NULL, owed bigint NOT NULL, got bigint NOT NULL, in_time bigint NOT NULL) ON COMMIT DROP;
SET LOCAL enable_nestloop = off
