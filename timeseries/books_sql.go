package timeseries

import _ "embed" // the statements

// The statements of the books, one a file in sql/.
var (
	//go:embed sql/books_standing.sql
	sqlBooksStanding string
	//go:embed sql/books_organisation.sql
	sqlBooksOrganisation string
	//go:embed sql/books_point.sql
	sqlBooksPoint string
	//go:embed sql/books_names.sql
	sqlBooksNames string
	//go:embed sql/books_span.sql
	sqlBooksSpan string
	//go:embed sql/books_row.sql
	sqlBooksRow string
	//go:embed sql/books_last_point.sql
	sqlBooksLastPoint string
	//go:embed sql/books_changed.sql
	sqlBooksChanged string
	//go:embed sql/books_cell.sql
	sqlBooksCell string
	//go:embed sql/books_cell_by_key.sql
	sqlBooksCellByKey string
	//go:embed sql/books_book.sql
	sqlBooksBook string
	//go:embed sql/books_cell_unit.sql
	sqlBooksCellUnit string
	//go:embed sql/books_cell_write.sql
	sqlBooksCellWrite string
	//go:embed sql/books_cell_gone.sql
	sqlBooksCellGone string
	//go:embed sql/books_note.sql
	sqlBooksNote string
	//go:embed sql/books_note_write.sql
	sqlBooksNoteWrite string
	//go:embed sql/books_state_write.sql
	sqlBooksStateWrite string
	//go:embed sql/books_clear.sql
	sqlBooksClear string
	//go:embed sql/books_lock.sql
	sqlBooksLock string
	//go:embed sql/books_day_sum.sql
	sqlBooksDaySum string
	//go:embed sql/books_target.sql
	sqlBooksTarget string
	//go:embed sql/books_customer_count.sql
	sqlBooksCustomerCount string
	//go:embed sql/books_outage.sql
	sqlBooksOutage string
	//go:embed sql/books_period_insert.sql
	sqlBooksPeriodInsert string
	//go:embed sql/books_period.sql
	sqlBooksPeriod string
)
