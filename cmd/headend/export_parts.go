package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"lastgasp/headend"
)

// exportState is what a folder of parts says about itself, so that the same command goes on with it.
type exportState struct {
	Selection headend.ReadingSelection `json:"selection"`
	Format    string                   `json:"format"`
	Rows      int                      `json:"rows_a_part"`
	Parts     int                      `json:"parts"`  // that are whole
	Cursor    string                   `json:"cursor"` // of the next one
	Whole     bool                     `json:"whole"`
}

// exportStateName is the file with it.
const exportStateName = ".export.json"

// parts writes files of so many rows into a folder. Each appears when it is whole, and then the state with the place of the
// next one: whoever is ended in between makes the same part again.
func (e *exportRun) parts(ctx context.Context, folder string, rows int) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	state, err := e.state(folder, rows)
	if err != nil || state.Whole {
		return err
	}
	i := slices.IndexFunc(exportFormats, func(f headend.ExportFormat) bool { return f.Name == e.format })
	for !state.Whole {
		place, err := readCursor(state.Cursor)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(folder, exportStateName), err)
		}
		name := filepath.Join(folder, fmt.Sprintf("readings-%06d%s", state.Parts+1, exportFormats[i].Extension))
		if err := wholeFile(name, func(w io.Writer) (err error) {
			place, err = e.write(ctx, w, place, rows)
			return err
		}); err != nil {
			return err
		}
		state.Parts, state.Cursor, state.Whole = state.Parts+1, writeCursor(place), place == nil
		if err := state.save(folder); err != nil {
			return err
		}
	}
	return nil
}

// state reads what a folder says, or begins.
func (e *exportRun) state(folder string, rows int) (exportState, error) {
	begin := exportState{Selection: e.of, Format: e.format, Rows: rows}
	name := filepath.Join(folder, exportStateName)
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return begin, nil
	} else if err != nil {
		return begin, err
	}
	var found exportState
	if err := json.Unmarshal(text, &found); err != nil {
		return begin, fmt.Errorf("%s: %w", name, err)
	}
	same := found
	same.Parts, same.Cursor, same.Whole = 0, "", false
	a, errA := json.Marshal(same)
	b, errB := json.Marshal(begin)
	if err := errors.Join(errA, errB); err != nil {
		return begin, err
	}
	if string(a) != string(b) {
		return begin, fmt.Errorf("%s holds parts of another export: name another folder, or remove it", folder)
	}
	if found.Whole {
		fmt.Fprintf(e.stderr, "%s holds all %d parts of this export already\n", folder, found.Parts)
	} else {
		fmt.Fprintf(e.stderr, "%s holds %d parts: going on with the next\n", folder, found.Parts)
	}
	return found, nil
}

func (s exportState) save(folder string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return wholeFile(filepath.Join(folder, exportStateName), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
