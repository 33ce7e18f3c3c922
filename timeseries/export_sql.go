package timeseries

import _ "embed" // the statements

// The statements of exports, one a file in sql/.
var (
	//go:embed sql/export_bound.sql
	sqlExportBound string
	//go:embed sql/export_chunk.sql
	sqlExportChunk string
	//go:embed sql/export_device.sql
	sqlExportDevice string
	//go:embed sql/export_device_by_id.sql
	sqlExportDeviceByID string
	//go:embed sql/export_device_by_point.sql
	sqlExportDeviceByPoint string
	//go:embed sql/export_device_stands.sql
	sqlExportDeviceStands string
	//go:embed sql/export_point_by_id.sql
	sqlExportPointByID string
	//go:embed sql/export_point_by_node.sql
	sqlExportPointByNode string
	//go:embed sql/export_point_by_organisation.sql
	sqlExportPointByOrganisation string
	//go:embed sql/export_reading.sql
	sqlExportReading string
	//go:embed sql/export_reading_other.sql
	sqlExportReadingOther string
	//go:embed sql/export_unknown.sql
	sqlExportUnknown string
)
