package timeseries

import _ "embed" // the statements

// The statements of registry imports, one a file in sql/.
var (
	//go:embed sql/import_begin.sql
	sqlImportBegin string
	//go:embed sql/import_analyze.sql
	sqlImportAnalyze string
	//go:embed sql/import_count.sql
	sqlImportCount string
	//go:embed sql/import_notify.sql
	sqlImportNotify string
	//go:embed sql/import_take_out.sql
	sqlImportTakeOut string

	//go:embed sql/import_organisation_stage.sql
	sqlImportOrganisationStage string
	//go:embed sql/import_organisation_check.sql
	sqlImportOrganisationCheck string
	//go:embed sql/import_organisation_new.sql
	sqlImportOrganisationNew string
	//go:embed sql/import_organisation_write.sql
	sqlImportOrganisationWrite string
	//go:embed sql/import_organisation_verify.sql
	sqlImportOrganisationVerify string

	//go:embed sql/import_node_stage.sql
	sqlImportNodeStage string
	//go:embed sql/import_node_check.sql
	sqlImportNodeCheck string
	//go:embed sql/import_node_new.sql
	sqlImportNodeNew string
	//go:embed sql/import_node_write.sql
	sqlImportNodeWrite string
	//go:embed sql/import_node_verify.sql
	sqlImportNodeVerify string

	//go:embed sql/import_usage_point_stage.sql
	sqlImportUsagePointStage string
	//go:embed sql/import_usage_point_check.sql
	sqlImportUsagePointCheck string
	//go:embed sql/import_usage_point_new.sql
	sqlImportUsagePointNew string
	//go:embed sql/import_usage_point_write.sql
	sqlImportUsagePointWrite string
	//go:embed sql/import_usage_point_verify.sql
	sqlImportUsagePointVerify string

	//go:embed sql/import_device_node_write.sql
	sqlImportDeviceNodeWrite string
	//go:embed sql/import_device_stage.sql
	sqlImportDeviceStage string
	//go:embed sql/import_device_check.sql
	sqlImportDeviceCheck string
	//go:embed sql/import_device_new.sql
	sqlImportDeviceNew string
	//go:embed sql/import_device_write.sql
	sqlImportDeviceWrite string
	//go:embed sql/import_installation_write.sql
	sqlImportInstallationWrite string
	//go:embed sql/import_device_verify.sql
	sqlImportDeviceVerify string
	//go:embed sql/import_secret_stored.sql
	sqlImportSecretStored string
	//go:embed sql/import_secret_write.sql
	sqlImportSecretWrite string

	//go:embed sql/import_plan_stage.sql
	sqlImportPlanStage string
	//go:embed sql/import_plan_check.sql
	sqlImportPlanCheck string
	//go:embed sql/import_plan_write.sql
	sqlImportPlanWrite string
	//go:embed sql/import_interruption_stage.sql
	sqlImportInterruptionStage string
	//go:embed sql/import_interruption_check.sql
	sqlImportInterruptionCheck string
	//go:embed sql/import_interruption_lock.sql
	sqlImportInterruptionLock string
	//go:embed sql/import_interruption_compare.sql
	sqlImportInterruptionCompare string
	//go:embed sql/import_interruption_revise.sql
	sqlImportInterruptionRevise string
	//go:embed sql/import_interruption_outage_new.sql
	sqlImportInterruptionOutageNew string
	//go:embed sql/import_interruption_write.sql
	sqlImportInterruptionWrite string
	//go:embed sql/import_interruption_outage.sql
	sqlImportInterruptionOutage string
	//go:embed sql/import_interruption_count.sql
	sqlImportInterruptionCount string
)
