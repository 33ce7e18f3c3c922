package timeseries

import (
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

func scanDecision(row pgx.CollectableRow) (d headend.Decision, err error) {
	var moment, other *time.Time
	err = row.Scan(&d.Number, &d.Kind, &d.Made, &d.By, &d.Note, &d.Outage, &d.Node, &d.UsagePoint, &moment, &d.Cause, &d.Part,
		&d.OtherOutage, &d.OtherNode, &d.OtherPoint, &other)
	d.Made, d.Moment, d.OtherMoment = d.Made.UTC(), end(moment), end(other)
	return d, err
}
