package timeseries

import _ "embed" // the statements

// The statements the API asks with, one a file in sql/.
var (
	//go:embed sql/query_bound.sql
	sqlQueryBound string
	//go:embed sql/query_device.sql
	sqlQueryDevice string
	//go:embed sql/query_device_list.sql
	sqlQueryDeviceList string
	//go:embed sql/query_device_number.sql
	sqlQueryDeviceNumber string
	//go:embed sql/query_energy_day.sql
	sqlQueryEnergyDay string
	//go:embed sql/query_energy_hour.sql
	sqlQueryEnergyHour string
	//go:embed sql/query_event_list.sql
	sqlQueryEventList string
	//go:embed sql/query_installation_of_device.sql
	sqlQueryInstallationOfDevice string
	//go:embed sql/query_installation_of_usage_point.sql
	sqlQueryInstallationOfUsagePoint string
	//go:embed sql/query_load.sql
	sqlQueryLoad string
	//go:embed sql/query_node.sql
	sqlQueryNode string
	//go:embed sql/query_node_list.sql
	sqlQueryNodeList string
	//go:embed sql/query_organisation_list.sql
	sqlQueryOrganisationList string
	//go:embed sql/query_quantity_unknown.sql
	sqlQueryQuantityUnknown string
	//go:embed sql/query_quarantine.sql
	sqlQueryQuarantine string
	//go:embed sql/query_quarantine_list.sql
	sqlQueryQuarantineList string
	//go:embed sql/query_reading.sql
	sqlQueryReading string
	//go:embed sql/query_reading_last.sql
	sqlQueryReadingLast string
	//go:embed sql/query_reading_other.sql
	sqlQueryReadingOther string
	//go:embed sql/query_reading_other_last.sql
	sqlQueryReadingOtherLast string
	//go:embed sql/query_usage_point.sql
	sqlQueryUsagePoint string
	//go:embed sql/query_usage_point_list.sql
	sqlQueryUsagePointList string
	//go:embed sql/quarantine_replayed.sql
	sqlQuarantineReplayed string
)
