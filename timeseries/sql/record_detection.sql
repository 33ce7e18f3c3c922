-- The lock that fences: no row where another has taken the lease since.
UPDATE detection SET cursor = $2, replay_from = $3, now = $4, next_outage = $5, next_row = $6, storm = $7::text::jsonb, settings = $8, revision = revision + $9
WHERE epoch = $1
RETURNING revision
