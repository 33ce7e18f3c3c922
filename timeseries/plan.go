package timeseries

import (
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

func scanPlan(row pgx.CollectableRow) (p headend.Plan, err error) {
	var notice *time.Time
	err = row.Scan(&p.ID, &p.Kind, &p.Node, &p.UsagePoints, &p.From, &p.To, &p.Reason, &notice, &p.Revised, &p.Dropped, &p.By)
	p.From, p.To, p.Notice, p.Revised = p.From.UTC(), p.To.UTC(), end(notice), p.Revised.UTC()
	return p, err
}
