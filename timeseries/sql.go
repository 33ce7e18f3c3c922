package timeseries

import _ "embed" // the statements

// The statements of the store, one a file in sql/.
var (
	//go:embed sql/made_with.sql
	sqlMadeWith string
	//go:embed sql/setting.sql
	sqlSetting string
	//go:embed sql/timescale_state.sql
	sqlTimescaleState string
	//go:embed sql/device_all.sql
	sqlDeviceAll string
	//go:embed sql/installation_all.sql
	sqlInstallationAll string
	//go:embed sql/device_register.sql
	sqlDeviceRegister string
	//go:embed sql/device_by_ids.sql
	sqlDeviceByIDs string
	//go:embed sql/quantity_all.sql
	sqlQuantityAll string
	//go:embed sql/quantity_register.sql
	sqlQuantityRegister string
	//go:embed sql/event_insert.sql
	sqlEventInsert string
	//go:embed sql/quarantine_insert.sql
	sqlQuarantineInsert string
	//go:embed sql/rollup_change_insert.sql
	sqlRollupChangeInsert string
	//go:embed sql/partition_make.sql
	sqlPartitionMake string
	//go:embed sql/reading_existing.sql
	sqlReadingExisting string
	//go:embed sql/reading_delete.sql
	sqlReadingDelete string
	//go:embed sql/reading_other_existing.sql
	sqlReadingOtherExisting string
	//go:embed sql/reading_other_delete.sql
	sqlReadingOtherDelete string
	//go:embed sql/history_existing.sql
	sqlHistoryExisting string
	//go:embed sql/history_insert.sql
	sqlHistoryInsert string
	//go:embed sql/slow_lock.sql
	sqlSlowLock string
	//go:embed sql/rollup_take.sql
	sqlRollupTake string
	//go:embed sql/rollup_clear.sql
	sqlRollupClear string
	//go:embed sql/rollup_settle.sql
	sqlRollupSettle string
)
