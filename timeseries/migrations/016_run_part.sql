-- Billing for who sees a part of the organisation.

ALTER TABLE billing_run ADD COLUMN part text[] NOT NULL DEFAULT '{}', ADD COLUMN organisations int[];
COMMENT ON COLUMN billing_run.part IS 'ids of the organisations that who asked for it sees; none: everything';
COMMENT ON COLUMN billing_run.organisations IS 'of the usage points in the snapshot when it was made, 0 for none; NULL: not made, or not noted';

CREATE VIEW metering_device AS SELECT number, id, protocol, profile, gateway FROM device;
COMMENT ON VIEW metering_device IS 'devices as what measures: who sees a part of the organisation sees those too that were there and have moved on, without what is known of them now';
