package simulator

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"lastgasp/headend"
)

// The files of a grid and their headers, as `headend import organisations|network|usage-points|devices` takes them.
const (
	OrganisationsFile = "organisations.csv"
	NetworkFile       = "network.csv"
	UsagePointsFile   = "usage-points.csv"
	DevicesFile       = "devices.csv"
)

var csvHeaders = map[string][]string{
	OrganisationsFile: {"id", "name", "kind", "parent", "from", "to"},
	NetworkFile:       {"id", "name", "kind", "parent", "organisation", "rated_kva", "from", "to"},
	UsagePointsFile:   {"id", "name", "address", "node", "organisation", "phases", "from", "to"},
	DevicesFile:       {"id", "kind", "protocol", "address", "profile", "gateway", "usage_point", "password", "from", "to"},
}

// nodeColumn is a further column of devices.csv where there are feeder devices: what each stands for.
const nodeColumn = "node"

// WriteCSV writes the four files into the folder, which is made when it is not there. The device file
// holds passwords, so only its owner may read it.
func (g *Grid) WriteCSV(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from := g.From.UTC().Format(time.RFC3339)
	for name, write := range map[string]func(*csv.Writer, string) error{
		OrganisationsFile: g.writeOrganisations, NetworkFile: g.writeNetwork,
		UsagePointsFile: g.writePoints, DevicesFile: g.writeDevices,
	} {
		mode := os.FileMode(0o644)
		if name == DevicesFile {
			mode = 0o600
		}
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		header := csvHeaders[name]
		if name == DevicesFile && len(g.Units) > 0 {
			header = append(slices.Clone(header), nodeColumn)
		}
		if err := errors.Join(writeTable(file, header, from, write), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// writeTable writes the header and what write adds.
func writeTable(to io.Writer, header []string, from string, write func(*csv.Writer, string) error) error {
	buffered := bufio.NewWriterSize(to, 256<<10)
	w := csv.NewWriter(buffered)
	if err := w.Write(header); err != nil {
		return err
	}
	if err := write(w, from); err != nil {
		return err
	}
	w.Flush()
	return errors.Join(w.Error(), buffered.Flush())
}

func (g *Grid) writeOrganisations(w *csv.Writer, from string) error {
	for _, o := range g.Organisations {
		parent := ""
		if o.Parent != None {
			parent = g.Organisations[o.Parent].ID
		}
		if err := w.Write([]string{o.ID, o.Name, o.Kind, parent, from, ""}); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) writeNetwork(w *csv.Writer, from string) error {
	for _, n := range g.Nodes {
		parent, rated := "", ""
		if n.Parent != None {
			parent = g.Nodes[n.Parent].ID
		}
		if n.RatedKVA > 0 {
			rated = strconv.FormatFloat(n.RatedKVA, 'f', -1, 64)
		}
		if err := w.Write([]string{n.ID, n.Name, n.Kind, parent, g.organisation(n.Organisation), rated, from, ""}); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) organisation(i int32) string {
	if i == None {
		return ""
	}
	return g.Organisations[i].ID
}

func (g *Grid) writePoints(w *csv.Writer, from string) error {
	row := make([]string, 8)
	for i := range g.Points {
		p := &g.Points[i]
		row = append(row[:0], p.ID, p.Name, p.Address, g.Nodes[p.Node].ID, g.organisation(p.Organisation), phaseTexts[p.Phases], from, "")
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// phaseTexts are the eight sets of phases as text.
var phaseTexts = func() (texts [8]string) {
	for i := range texts {
		texts[i] = headend.Phases(i).String()
	}
	return texts
}()

func (g *Grid) writeDevices(w *csv.Writer, from string) error {
	write := func(row []string, node string) error {
		if len(g.Units) > 0 {
			row = append(row, node)
		}
		return w.Write(row)
	}
	for _, gateway := range g.Gateways {
		row := []string{string(gateway.ID), string(headend.KindGateway), "mqtt", "", "", "", "", gateway.Password, from, ""}
		if err := write(row, ""); err != nil {
			return err
		}
	}
	for i, u := range g.Units {
		row := []string{string(u.ID), string(modbusModels[u.Model].kind), "modbus", g.UnitAddress(i), u.Model, "", "", "", from, ""}
		if err := write(row, g.Nodes[u.Node].ID); err != nil {
			return err
		}
	}
	row := make([]string, 11)
	for i := range g.Points {
		p := &g.Points[i]
		if p.Meter == "" {
			continue
		}
		gateway := ""
		if p.Gateway != None {
			gateway = string(g.Gateways[p.Gateway].ID)
		}
		row = append(row[:0], string(p.Meter), string(headend.KindMeter), "mqtt", "", "", gateway, p.ID, p.Password, from, "")
		if err := write(row, ""); err != nil {
			return err
		}
	}
	return nil
}
