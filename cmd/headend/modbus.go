package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"lastgasp/protocols/modbus"
)

// modbusCommand is `headend modbus`: what a field engineer does with a device before it is registered.
type modbusCommand struct {
	Profiles modbusProfiles `cmd:"" help:"List the device models that are known."`
	Read     modbusRead     `cmd:"" help:"Poll one device once and print what it says."`
	Scan     modbusScan     `cmd:"" help:"Find the units behind an address."`
}

// profileFolder is the flag for a user's own profiles.
type profileFolder struct {
	Folder string `name:"profiles" placeholder:"DIR" help:"Folder with profiles of your own, over and beside those that come with the program."`
}

type modbusProfiles struct{ profileFolder }

type modbusRead struct {
	Address string `arg:"" help:"tcp://HOST[:PORT], rtutcp://HOST:PORT or serial:///dev/ttyUSB0?baud=9600&parity=N; ?unit=N names the unit."`
	Profile string `required:"" placeholder:"MODEL" help:"Model of the device; modbus profiles lists them."`
	Unit    int    `default:"-1" placeholder:"N" help:"Unit, 0 to 255, where the address does not name it."`
	profileFolder
}

type modbusScan struct {
	Address string        `arg:"" help:"As for read, without unit."`
	From    int           `default:"1" help:"First unit asked."`
	To      int           `default:"247" help:"Last unit asked."`
	Timeout time.Duration `default:"500ms" help:"How long a unit may take to answer."`
}

// Run lists the profiles.
func (c *modbusProfiles) Run(p *program) error {
	all, err := modbus.LoadProfiles(c.Folder)
	if err != nil {
		return fmt.Errorf("profiles:\n%w", err)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tMAKER\tKIND\tREGISTERS\tDESCRIPTION")
	for _, profile := range all.All() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", profile.Model, profile.Maker, profile.Kind, len(profile.Registers), profile.Description)
	}
	return table.Flush()
}

// Run polls once.
func (c *modbusRead) Run(p *program) error {
	all, err := modbus.LoadProfiles(c.Folder)
	if err != nil {
		return fmt.Errorf("profiles:\n%w", err)
	}
	profile, err := all.Get(c.Profile)
	if err != nil {
		return err
	}
	rows, err := modbus.Read(p.ctx, c.Address, c.Unit, profile)
	if err != nil {
		return fmt.Errorf("%s: %w", profile.Model, err)
	}
	if profile.Addresses != "" {
		fmt.Fprintln(p.stderr, "Addresses:", profile.Addresses)
	}
	for _, note := range profile.Notes {
		fmt.Fprintln(p.stderr, "Note:", note)
	}
	return printRows(p.stdout, rows)
}

func printRows(to io.Writer, rows []modbus.Row) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "QUANTITY\tVALUE\tUNIT\tREGISTER\tRAW\tNAME\tNOTE")
	for _, r := range rows {
		value := r.Value
		if value == "" {
			value = "-"
		}
		line := fmt.Sprintf("%s\t%s\t%s\t%d:%d\t%s\t%s\t%s", r.Quantity, value, r.Unit, r.Function, r.Address, r.Raw, r.Name, r.Note)
		fmt.Fprintln(table, strings.TrimRight(line, "\t"))
	}
	return table.Flush()
}

// Run asks one unit after the other.
func (c *modbusScan) Run(p *program) error {
	bar := progressbar.DefaultSilent(int64(c.To - c.From + 1))
	if file, ok := p.stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			bar = progressbar.NewOptions(c.To-c.From+1, progressbar.OptionSetWriter(file), progressbar.OptionSetDescription("asking units"), progressbar.OptionClearOnFinish())
		}
	}
	units := 0
	err := modbus.Scan(p.ctx, c.Address, c.From, c.To, c.Timeout, func(f modbus.Found) {
		units++
		fmt.Fprintf(p.stdout, "unit %d: %s\n", f.Unit, f.Answer)
	}, func(int) {
		if bar.Add(1) != nil { // it only draws
			return
		}
	})
	if finishing := bar.Finish(); err == nil {
		err = finishing
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "%d units answered, of %d asked\n", units, c.To-c.From+1)
	return nil
}
