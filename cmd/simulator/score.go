package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"lastgasp/headend/interruption"
	"lastgasp/simulator"
)

// scoreCommand is `simulator score`.
type scoreCommand struct {
	Scenario    []string      `arg:"" optional:"" help:"Built-in scenarios (${scenarios}) or YAML files; default: mixed, then those in which nobody loses supply."`
	Seeds       int           `default:"20" help:"How many simulations of each."`
	First       uint64        `default:"1" help:"The first seed."`
	Loss        []float64     `default:"0,0.1,0.3,0.5,0.7" help:"Shares of messages that are lost on the way: of last gasps, power-ups, phase events and readings alike."`
	GaspsOnly   bool          `help:"Only last gasps are lost by --loss; the rest fares as the scenario says."`
	UsagePoints int           `help:"Instead of the scenario's; the faults are thinned or thickened in proportion."`
	Logs        bool          `default:"true" negatable:"" help:"The meters' power-failure logs are read, within a day. --no-logs: never."`
	Rates       string        `enum:"known,stated" default:"known" help:"What the detector knows of its channel: the true rates, as a network has measured that has run for a while, or what it states itself."`
	Tolerance   time.Duration `help:"By which the detector lets clocks differ, instead of its own setting."`
	MadeUp      bool          `default:"true" negatable:"" help:"The head-end knows which gateways make gasps up. --no-made-up: it does not."`
	Drift       float64       `help:"Largest drift of clocks, ppm, instead of the scenario's."`
	Dense       float64       `default:"1" help:"Times as many faults as the scenario has."`
	Workers     int           `help:"Simulations at once; 0: one for each processor."`
	Markdown    string        `type:"path" help:"Also write the tables as Markdown to this file."`
	Verbose     string        `type:"path" help:"Write what is missed, false or wrongly named to this file."`
	URL         string        `help:"Compare the ledger of a running head-end instead, with --truth." placeholder:"URL"`
	TokenFile   string        `env:"LASTGASP_TOKEN_FILE" type:"path" placeholder:"FILE" help:"A token of that head-end, mode 0600; or LASTGASP_TOKEN holds it. headend token add makes one."`
	Truth       string        `type:"existingfile" help:"What simulator run --truth wrote."`
}

// Run is called by kong.
func (c *scoreCommand) Run(ctx context.Context) (err error) {
	debug := io.Writer(nil)
	if c.Verbose != "" {
		file, failed := os.Create(c.Verbose)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		debug = &oneAtATime{to: file}
	}
	if (c.URL == "") != (c.Truth == "") {
		return errors.New("--url and --truth are needed together")
	}
	var sheets []sheet
	if c.URL != "" {
		sheets, err = c.live(ctx, debug)
	} else {
		sheets, err = c.offline(ctx, debug)
	}
	if err != nil && (ctx.Err() == nil || len(sheets) == 0) {
		return err
	}
	for i := range sheets { // when broken off: of what has been played
		if err := sheets[i].print(os.Stdout, false); err != nil {
			return err
		}
	}
	if c.Markdown == "" {
		return nil
	}
	file, err := os.Create(c.Markdown)
	if err != nil {
		return err
	}
	for i := range sheets {
		err = errors.Join(err, sheets[i].print(file, true))
	}
	return errors.Join(err, file.Close())
}

// oneAtATime lets several simulations write whole lines into one file.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneAtATime) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

// The scenarios that are scored where none is named; in all but the first nobody loses supply.
var scored = []string{"mixed", "concentrators", "firmware", "clocks"}

// offline plays scenarios in virtual time.
func (c *scoreCommand) offline(ctx context.Context, debug io.Writer) ([]sheet, error) {
	names := c.Scenario
	if len(names) == 0 {
		names = scored
	}
	sheets := make([]sheet, len(names))
	var jobs []job
	for i, name := range names {
		scenario, err := simulator.LoadScenario(name)
		if err != nil {
			return nil, err
		}
		if scenario.Length.From == 0 {
			return nil, fmt.Errorf("scenario %s has no length: it would never end", name)
		}
		c.prepare(&scenario)
		sheets[i] = sheet{title: c.title(&scenario), lines: make([]line, len(c.Loss))}
		for k, loss := range c.Loss {
			sheets[i].lines[k].head = fmt.Sprintf("%.0f %%", 100*loss)
		}
		for n := range c.Seeds { // every rate of a seed before the next seed, so that a score that is broken off is of all rates
			for k, loss := range c.Loss {
				jobs = append(jobs, job{game: c.game(scenario, loss, c.First+uint64(n), debug), line: &sheets[i].lines[k],
					name: fmt.Sprintf("%s, loss %v, seed %d", scenario.Name, loss, c.First+uint64(n))})
			}
		}
	}
	return sheets, work(ctx, jobs, c.Workers)
}

// coarse is a drift from which times are only good once they are corrected, ppm: 43 s a day.
const coarse = 500

// prepare changes what the flags say, and fixes the start, so that the same seed gives the same score on any day.
func (c *scoreCommand) prepare(s *simulator.Scenario) {
	if s.Start == "" {
		s.Start = "2026-05-04T00:00:00+07:00"
	}
	thin := 1 / c.Dense
	if c.UsagePoints > 0 {
		thin *= float64(s.Grid.UsagePoints) / float64(c.UsagePoints)
		s.Grid.UsagePoints = c.UsagePoints
	}
	for i := range s.Timeline {
		if every := s.Timeline[i].Every; every != nil {
			s.Timeline[i].Every = &simulator.Span{From: time.Duration(float64(every.From) * thin), To: time.Duration(float64(every.To) * thin)}
		}
	}
	s.Gasp.Logs = s.Gasp.Logs && c.Logs
	if c.Drift > 0 {
		s.Clocks.DriftPPM = c.Drift
	}
	most := 4 * time.Hour
	if s.Clocks.DriftPPM > coarse { // how wrong clocks were is known when they are set next
		most += s.Clocks.SetEvery.To
	}
	if !s.Gasp.Logs && s.Calm.From > most { // nothing more to wait for
		s.Length.From -= s.Calm.From - most
		s.Calm.From = most
	}
	s.Modbus.Listen = ""
}

func (c *scoreCommand) title(s *simulator.Scenario) string {
	logs := "logs read within a day"
	if !s.Gasp.Logs {
		logs = "no logs"
	}
	return fmt.Sprintf("%s: %d usage points, %v, %s", s.Name, s.Grid.UsagePoints, s.Length.From-s.Calm.From, logs)
}

// game is one simulation with a loss of messages.
func (c *scoreCommand) game(s simulator.Scenario, loss float64, seed uint64, debug io.Writer) game {
	s.Seed = seed
	s.Timeline = phased(s.Timeline, seed)
	g := game{makesUp: s.Gasp.MadeUp && c.MadeUp, settings: interruption.Settings{Tolerance: c.Tolerance}, debug: debug}
	s.Gasp.Delivery = 1 - loss
	if loss >= 1 {
		s.Gasp.Delivery = -1
	}
	if !c.GaspsOnly {
		s.Channel.Loss, s.Events.Loss = max(s.Channel.Loss, loss), max(s.Events.Loss, loss)
		s.Channel.Late, s.Events.Late = min(s.Channel.Late, 1-s.Channel.Loss), min(s.Events.Late, 1-s.Events.Loss)
	}
	if c.Rates == "known" {
		silent := 1.0
		for range 1 + s.Gasp.Repeats {
			silent *= loss
		}
		g.rates = &interruption.Rates{Delivery: 1 - silent, Return: 1 - s.Events.Loss, False: interruption.StatedRates.False}
	}
	g.scenario = s
	return g
}

// phased lets what comes again and again begin anywhere in its first round, so that what is rare happens in some seeds.
func phased(timeline []simulator.Incident, seed uint64) []simulator.Incident {
	timeline = slices.Clone(timeline)
	random := rand.New(rand.NewPCG(seed, 0x7068617365))
	for i := range timeline {
		in := &timeline[i]
		if in.Every == nil {
			continue
		}
		earlier := time.Duration(random.Float64() * float64(in.Every.From))
		in.After = simulator.Span{From: in.After.From - earlier, To: in.After.To - earlier}
	}
	return timeline
}

// job is a game whose score goes into a line.
type job struct {
	game
	line *line
	name string
}

// work plays jobs, several at once, and shows how far it is.
func work(ctx context.Context, jobs []job, workers int) error {
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var mu sync.Mutex
	done, derived, began := 0, time.Duration(0), time.Now()
	status := newStatus(time.Second, func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%d of %d simulations, %v, of it %v in the detector", done, len(jobs), time.Since(began).Round(time.Second), derived.Round(time.Second))
	})
	defer status.stop()
	next := make(chan *job)
	var group sync.WaitGroup
	var errs []error
	for range workers {
		group.Go(func() {
			for j := range next {
				s, took, err := j.play(ctx)
				mu.Lock()
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", j.name, err))
				} else {
					s.note("-- %s: %d true, %d missed, %d false, CMI %+.2f %%", j.name, s.truth, s.missed, s.false, percent(float64(s.minutesTold), float64(s.minutes)))
					j.line.add(s)
				}
				done, derived = done+1, derived+took
				mu.Unlock()
			}
		})
	}
	for i := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- &jobs[i]
	}
	close(next)
	group.Wait()
	return errors.Join(errs...)
}
