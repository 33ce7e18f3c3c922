package reliability

import "math/big"

// Target is what an organisation is held to in one year. Planned cuts are included unless its policy says otherwise.
type Target struct {
	Organisation string
	Year         int
	Index        string   // "saidi", "saifi", "maifi", "losses"
	Value        *big.Rat // minutes, interruptions a customer, or percent
}

// Standing is a figure beside its target and the same period of the former year. What is not known is None.
type Standing struct {
	Figure     Ratio `json:"figure"`
	Target     Ratio `json:"target"`
	Used       Ratio `json:"used"`      // share of the target that is used up
	Remaining  Ratio `json:"remaining"` // below 0: missed
	LastYear   Ratio `json:"last_year"`
	Change     Ratio `json:"change"`       // figure less last year's
	ChangeRate Ratio `json:"change_ratio"` // that as a share of last year's
	// Forecast is the figure to the end of the year if what is left of it goes as in the former year.
	Forecast Ratio `json:"forecast"`
}

// Stand puts a figure of the year so far beside its target, the figure of the same period of the former year, and that
// of the whole former year.
func Stand(figure, target, lastYear, wholeLastYear Ratio) Standing {
	s := Standing{Figure: figure, Target: target, LastYear: lastYear}
	s.Used, s.Remaining = figure.Over(target), target.Minus(figure)
	s.Change = figure.Minus(lastYear)
	s.ChangeRate = s.Change.Over(lastYear)
	s.Forecast = figure.Plus(wholeLastYear.Minus(lastYear))
	return s
}
