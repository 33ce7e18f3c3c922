package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	_ "time/tzdata" // zones work on machines without a time zone database

	"github.com/alecthomas/kong"
)

// commandLine lists the subcommands and the flags they share.
type commandLine struct {
	Config   string   `short:"c" placeholder:"FILE" env:"LASTGASP_CONFIG" help:"Configuration file (default: lastgasp.yaml, where there is one)."`
	Set      []string `placeholder:"KEY=VALUE" sep:"none" help:"Set one key of the configuration; may be repeated."`
	LogLevel string   `placeholder:"LEVEL" help:"Short for --set log.level=LEVEL."`

	Serve   serveCommand       `cmd:"" help:"Take in readings, store them, answer over HTTP, until SIGINT or SIGTERM."`
	Demo    demoCommand        `cmd:"" help:"Serve, and simulate a district of 2,000 meters that talks to it."`
	Import  importCommand      `cmd:"" help:"Bring the registry, planned outages and earlier interruptions in from CSV files."`
	Device  deviceCommand      `cmd:"" help:"Passwords of devices."`
	Outages outagesCommand     `cmd:"" help:"List the open outages of a running head-end, print one, or watch them change."`
	Modbus  modbusCommand      `cmd:"" help:"Try Modbus devices: list models, read one, scan for units."`
	Report  reportCommand      `cmd:"" help:"Reports from the ledger of interruptions: reliability, service, closed months."`
	Billing billingCommand     `cmd:"" help:"What is missing, registers at a moment, billing runs and what changed since."`
	Export  exportCommand      `cmd:"" help:"Readings by the million, in the formats that other programs read."`
	Close   closePeriodCommand `cmd:"" name:"close-period" help:"Close a month: keep its figures as they are now, or as another revision with its difference."`
	User    userCommand        `cmd:"" help:"Accounts of people: add, list, password, disable, enable."`
	Token   tokenCommand       `cmd:"" help:"Tokens of programs: add, list, revoke."`
	Check   checkCommand       `cmd:"" help:"Say in words what is wrong with this installation, and what to do."`
	Audit   auditCommand       `cmd:"" help:"The trail of changes: export, verify."`
	Migrate migrateCommand     `cmd:"" help:"Make the database, or bring its schema up to date, and end."`
	Show    configCommand      `cmd:"" name:"config" help:"Print the effective configuration, secrets masked."`
}

// Exit statuses.
const (
	exitDone    = 0
	exitFailed  = 1
	exitRefused = 2
	exitUsage   = 64
)

// errRefused says that an import has refused lines, which have been reported.
var errRefused = errors.New("lines were refused")

// program is what a subcommand gets: its surroundings, so that tests can give others.
type program struct {
	ctx         context.Context
	stdin       *os.File // nil: nobody can be asked
	stdout      io.Writer
	stderr      io.Writer
	environment []string
	flags       *commandLine
	demo        bool        // of `headend demo`
	looks       atomic.Bool // it only looks: a signal ends it without a word
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectBy(0))
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	p := &program{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environment: os.Environ()}
	go func() { // lives as long as the process
		<-signals
		if !p.looks.Load() {
			fmt.Fprintln(os.Stderr, "stopping: what has been taken in is being stored; a second signal ends at once")
		}
		cancel()
		<-signals
		os.Exit(exitFailed)
	}()
	status := run(p, os.Args[1:])
	cancel()
	os.Exit(status)
}

// run is the program apart from the process: it returns the exit status.
func run(p *program, args []string) int {
	p.flags = &commandLine{}
	ended := -1
	parser, err := kong.New(p.flags, kong.Name("headend"),
		kong.Description("The head-end of Lastgasp: smart meters and feeder devices in, readings and outages out."),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(status int) { ended = max(ended, status) }))
	if err != nil {
		fmt.Fprintln(p.stderr, "headend:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if ended >= 0 { // --help
		return ended
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "headend: %v\nheadend --help lists what there is\n", err)
		return exitUsage
	}
	switch err := command.Run(p); {
	case errors.Is(err, errRefused):
		return exitRefused
	case err != nil:
		fmt.Fprintf(p.stderr, "headend: %v\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitFailed
	}
	return exitDone
}

// config reads the configuration with the command line's flags over it.
func (p *program) config() (Config, error) {
	settings := p.flags.Set
	if p.flags.LogLevel != "" {
		settings = append(settings, "log.level="+p.flags.LogLevel)
	}
	config, err := LoadConfig(configSources{File: p.flags.Config, Environment: p.environment, Settings: settings})
	if err != nil {
		return Config{}, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	return config, nil
}

// logger writes to standard error as the log section says.
func (p *program) logger(c LogConfig) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // Config has been checked: every level it allows is one of slog's
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}
