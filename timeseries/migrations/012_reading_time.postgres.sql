-- Exports read slices of time of all meters. Readings come in roughly in the order of time, so a few bytes for each 64
-- pages tell which of them a slice is in; without it a slice of six hours reads its whole month.
CREATE INDEX reading_time ON reading USING brin (time) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX reading_other_time ON reading_other USING brin (time) WITH (pages_per_range = 64, autosummarize = on);
