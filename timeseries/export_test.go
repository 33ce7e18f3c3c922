package timeseries

import "github.com/jackc/pgx/v5/pgxpool"

// Pool lets tests look at the tables.
func Pool(s *Store) *pgxpool.Pool { return s.pool }
