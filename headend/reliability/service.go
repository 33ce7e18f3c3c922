package reliability

import (
	"cmp"
	"slices"
	"time"
)

// ServiceLimits are the limits of the service indicators.
type ServiceLimits struct {
	Restore     time.Duration // a fault is restored within this
	NoticeDays  int           // customers know of a planned cut so many days before
	Emergency   []NamedLimit  // and of an emergency cut so long after
	EmergencyOf []CutKind     // which kinds the limits of emergency cuts hold for
}

// NamedLimit is a limit and whose it is.
type NamedLimit struct {
	Name  string
	Limit time.Duration
}

// CutKind is what an outage was for its customers.
type CutKind uint8

// Kinds of cuts.
const (
	Fault CutKind = iota + 1
	Planned
	Emergency // cut on purpose without time for notice; customers are told afterwards
)

var cutKindNames = [...]string{"", "fault", "planned", "emergency"}

// String is the name in policies.
func (k CutKind) String() string { return cutKindNames[k] }

// Cut is an outage as the service indicators see it. It has no time at which a ticket was closed: that says nothing
// about supply.
type Cut struct {
	Outage     int64
	Unit       Unit
	Kind       CutKind
	Start      time.Time
	Restored   time.Time // when the last customer had supply again; zero: not yet
	WindowFrom time.Time // of a planned cut: as it was announced
	WindowTo   time.Time
	Noticed    time.Time // when customers were told; zero: they were not
}

// NoticeCount is how many customers' notices of emergency cuts met one limit.
type NoticeCount struct {
	Name    string `json:"name"`
	InTime  int64  `json:"in_time"`
	Late    int64  `json:"late"`
	Missing int64  `json:"missing"` // not told, and the limit is over
	Pending int64  `json:"pending"` // not told, and there is time yet
}

// Service is the service indicators of one unit and month: whole numbers that can be added.
type Service struct {
	Faults       int64 `json:"faults"`
	RestoredIn   int64 `json:"restored_in_time"`
	RestoredLate int64 `json:"restored_late"` // or not yet, and the limit is over
	FaultsOpen   int64 `json:"faults_open"`   // not restored yet, and there is time: in neither of the two
	Restored     int64 `json:"restored"`
	RestoreMs    int64 `json:"restore_ms"` // of those restored, in sum

	Planned        int64         `json:"planned"`
	NoticeInTime   int64         `json:"notice_in_time"`
	NoticeLate     int64         `json:"notice_late"` // it stays a planned cut
	NoticeMissing  int64         `json:"notice_missing"`
	Overruns       int64         `json:"overruns"`
	OverrunMs      int64         `json:"overrun_ms"`
	OverrunsOpen   int64         `json:"overruns_open"` // of Overruns, not restored yet
	WithoutWindow  int64         `json:"without_window"`
	EmergencyCuts  int64         `json:"emergency_cuts"`
	EmergencyTimes []NoticeCount `json:"emergency_notices"`
}

// ServiceCell is what service indicators are summed by: a cut belongs to the local month it began in.
type ServiceCell struct {
	Unit  Unit
	Month Month
}

// Serve makes the service indicators of cuts, as of a moment. What begins after the moment is not looked at.
func Serve(limits ServiceLimits, c *Calendar, cuts []Cut, asOf time.Time) map[ServiceCell]*Service {
	out := map[ServiceCell]*Service{}
	for i := range cuts {
		cut := cuts[i]
		if cut.Start.After(asOf) {
			continue
		}
		if cut.Restored.After(asOf) {
			cut.Restored = time.Time{}
		}
		if cut.Noticed.After(asOf) {
			cut.Noticed = time.Time{}
		}
		cell := ServiceCell{cut.Unit, c.DayAt(cut.Start).Month()}
		if out[cell] == nil {
			out[cell] = &Service{}
		}
		out[cell].take(&limits, c, &cut, asOf)
	}
	return out
}

func (s *Service) take(limits *ServiceLimits, c *Calendar, cut *Cut, asOf time.Time) {
	switch cut.Kind {
	case Fault:
		s.fault(limits, cut, asOf)
	case Planned:
		s.planned(limits, c, cut, asOf)
	case Emergency:
		s.EmergencyCuts++
	}
	if slices.Contains(limits.EmergencyOf, cut.Kind) {
		for _, limit := range limits.Emergency {
			s.emergency(limit, cut, asOf)
		}
	}
}

func (s *Service) fault(limits *ServiceLimits, cut *Cut, asOf time.Time) {
	s.Faults++
	switch {
	case cut.Restored.IsZero() && asOf.Sub(cut.Start) > limits.Restore:
		s.RestoredLate++
	case cut.Restored.IsZero():
		s.FaultsOpen++
	default:
		s.Restored++
		s.RestoreMs += cut.Restored.Sub(cut.Start).Milliseconds()
		if cut.Restored.Sub(cut.Start) <= limits.Restore {
			s.RestoredIn++
		} else {
			s.RestoredLate++
		}
	}
}

// planned counts the notice in days of the calendar: the same time of day, so many days before.
func (s *Service) planned(limits *ServiceLimits, c *Calendar, cut *Cut, asOf time.Time) {
	s.Planned++
	from := cut.WindowFrom
	if from.IsZero() {
		s.WithoutWindow++
		from = cut.Start
	}
	due := from.In(c.Zone()).AddDate(0, 0, -limits.NoticeDays)
	switch {
	case cut.Noticed.IsZero():
		s.NoticeMissing++
	case cut.Noticed.After(due):
		s.NoticeLate++
	default:
		s.NoticeInTime++
	}
	end := cut.Restored
	if end.IsZero() {
		end = asOf
	}
	if cut.WindowTo.IsZero() || !end.After(cut.WindowTo) {
		return
	}
	s.Overruns++
	s.OverrunMs += end.Sub(cut.WindowTo).Milliseconds()
	if cut.Restored.IsZero() {
		s.OverrunsOpen++
	}
}

func (s *Service) emergency(limit NamedLimit, cut *Cut, asOf time.Time) {
	n := s.notice(limit.Name)
	switch {
	case cut.Noticed.IsZero() && asOf.Sub(cut.Start) > limit.Limit:
		n.Missing++
	case cut.Noticed.IsZero():
		n.Pending++
	case cut.Noticed.Sub(cut.Start) <= limit.Limit:
		n.InTime++
	default:
		n.Late++
	}
}

func (s *Service) notice(name string) *NoticeCount {
	i, found := slices.BinarySearchFunc(s.EmergencyTimes, name, func(n NoticeCount, name string) int { return cmp.Compare(n.Name, name) })
	if !found {
		s.EmergencyTimes = slices.Insert(s.EmergencyTimes, i, NoticeCount{Name: name})
	}
	return &s.EmergencyTimes[i]
}

// Add adds what o counted.
func (s *Service) Add(o *Service) {
	s.Faults += o.Faults
	s.RestoredIn += o.RestoredIn
	s.RestoredLate += o.RestoredLate
	s.FaultsOpen += o.FaultsOpen
	s.Restored += o.Restored
	s.RestoreMs += o.RestoreMs
	s.Planned += o.Planned
	s.NoticeInTime += o.NoticeInTime
	s.NoticeLate += o.NoticeLate
	s.NoticeMissing += o.NoticeMissing
	s.Overruns += o.Overruns
	s.OverrunMs += o.OverrunMs
	s.OverrunsOpen += o.OverrunsOpen
	s.WithoutWindow += o.WithoutWindow
	s.EmergencyCuts += o.EmergencyCuts
	for _, n := range o.EmergencyTimes {
		to := s.notice(n.Name)
		to.InTime += n.InTime
		to.Late += n.Late
		to.Missing += n.Missing
		to.Pending += n.Pending
	}
}

// WithinLimit is the share of faults restored in time, of those of which it is known; None where there are none.
func (s *Service) WithinLimit() Ratio { return RatioOf(s.RestoredIn, s.RestoredIn+s.RestoredLate) }

// MeanRestore is the mean time to restore, in minutes, of the faults that are restored.
func (s *Service) MeanRestore() Ratio { return RatioOf(s.RestoreMs, s.Restored*minuteMs) }
