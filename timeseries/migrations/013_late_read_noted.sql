-- Notes of late readings that nobody takes, because billing is enabled nowhere, do not stay for ever.

ALTER TABLE late_read ADD COLUMN noted timestamptz NOT NULL DEFAULT now();
