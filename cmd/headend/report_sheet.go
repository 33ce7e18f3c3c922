package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"lastgasp/headend/reliability"
)

// sheet is a report as rows and columns.
type sheet struct {
	title  string
	notes  []string
	header []string
	rows   [][]cell
}

// cell is a text, a whole number or a figure with so many decimals.
type cell struct {
	text   string
	figure reliability.Ratio
	number bool
	places int
}

func textCell(text string) cell { return cell{text: text} }

func countCell(n int64) cell { return cell{number: true, figure: reliability.RatioOf(n, 1)} }

func figureCell(r reliability.Ratio, places int) cell {
	return cell{number: true, figure: r, places: places}
}

// String is the cell as it is printed; a figure without a value is a dash.
func (c cell) String() string {
	switch {
	case !c.number:
		return c.text
	case c.figure.IsNone():
		return "-"
	}
	return c.figure.Decimal(c.places)
}

// table prints columns that line up, numbers to the right.
func (s *sheet) table(w io.Writer) error {
	widths := make([]int, len(s.header))
	for i, h := range s.header {
		widths[i] = utf8.RuneCountInString(h)
	}
	for _, row := range s.rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.String()))
		}
	}
	var b strings.Builder
	b.WriteString(s.title + "\n")
	for _, n := range s.notes {
		b.WriteString(n + "\n")
	}
	b.WriteString("\n")
	line := func(row []cell) {
		var l strings.Builder
		for i, c := range row {
			text := c.String()
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if c.number {
				l.WriteString(pad + text + "  ")
			} else {
				l.WriteString(text + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	var head []cell
	for i, h := range s.header {
		c := textCell(h)
		if len(s.rows) > 0 && s.rows[0][i].number { // above the numbers
			c.text = strings.Repeat(" ", widths[i]-utf8.RuneCountInString(h)) + h
		}
		head = append(head, c)
	}
	line(head)
	for _, row := range s.rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// csv writes the header and the rows; a figure without a value is empty. Decimals have a point.
func (s *sheet) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(s.header); err != nil {
		return err
	}
	for _, row := range s.rows {
		var record []string
		for _, c := range row {
			text := c.String()
			if c.number && c.figure.IsNone() {
				text = ""
			}
			record = append(record, text)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// xlsx writes a workbook with one sheet. Figures are numbers with their decimals as a format, rounded as printed.
func (s *sheet) xlsx(w io.Writer) (err error) {
	f := excelize.NewFile()
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	const name = "Sheet1"
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return err
	}
	styles := map[int]int{}
	at := 1
	for _, text := range append([]string{s.title}, s.notes...) {
		if err := f.SetCellStr(name, "A"+strconv.Itoa(at), text); err != nil {
			return err
		}
		at++
	}
	at++
	for i, h := range s.header {
		if err := setCell(f, name, i, at, func(ref string) error { return f.SetCellStr(name, ref, h) }, bold); err != nil {
			return err
		}
	}
	for _, row := range s.rows {
		at++
		for i, c := range row {
			style := 0
			if c.number {
				if styles[c.places] == 0 {
					format := "#,##0"
					if c.places > 0 {
						format += "." + strings.Repeat("0", c.places)
					}
					if styles[c.places], err = f.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
						return err
					}
				}
				style = styles[c.places]
			}
			if err := setCell(f, name, i, at, func(ref string) error { return c.into(f, name, ref) }, style); err != nil {
				return err
			}
		}
	}
	if err := f.SetColWidth(name, "A", "B", 28); err != nil {
		return err
	}
	return f.Write(w)
}

func setCell(f *excelize.File, name string, column, row int, set func(ref string) error, style int) error {
	ref, err := excelize.CoordinatesToCellName(column+1, row)
	if err != nil {
		return err
	}
	if err := set(ref); err != nil {
		return fmt.Errorf("cell %s: %w", ref, err)
	}
	if style == 0 {
		return nil
	}
	return f.SetCellStyle(name, ref, ref, style)
}

func (c cell) into(f *excelize.File, name, ref string) error {
	switch {
	case !c.number:
		return f.SetCellStr(name, ref, c.text)
	case c.figure.IsNone():
		return nil
	}
	value, err := strconv.ParseFloat(c.figure.Decimal(c.places), 64)
	if err != nil {
		return err
	}
	return f.SetCellFloat(name, ref, value, c.places, 64)
}
