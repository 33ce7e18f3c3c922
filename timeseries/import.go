package timeseries

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"lastgasp/headend"
)

// ImportOptions say how a registry file is taken.
type ImportOptions struct {
	// SkipRefused writes the good lines of a file that has bad ones. Without it one bad line means that
	// nothing is written.
	SkipRefused bool
	// Progress, when set, is told now and then how many lines have been read, and what is being done.
	Progress func(stage string, lines int)
	// File, when set, tells which file the lines came from, once all of them have been read: for the audit trail.
	File func() ImportedFile
	// trail, when set, writes the entry of the audit trail in place of the one that an import leaves.
	trail func(ctx context.Context, tx pgx.Tx) error
}

// ImportedFile is what the audit trail says of a file.
type ImportedFile struct {
	Name   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// registryKind is the SQL of one kind of registry file. Every import runs through the same stations, all
// of them statements over whole sets:
//
//	lines ──COPY──▶ import_line ──check──▶ (refused lines leave) ──write──▶ registry ──verify──▶ commit
//
// check looks at the lines and what they refer to; verify looks at the registry as it would be: cycles,
// overlaps. What either refuses ends in import_refused.
type registryKind struct {
	name    string   // what NOTIFY says has changed
	channel string   // of NOTIFY where it is not the registry that has changed
	stage   string   // makes import_line, for one transaction
	columns []string // of import_line
	check   string   // moves bad lines to import_refused and returns them
	write   []string // statements that write what import_line says; all leave their traces in import_new and import_changed
	count   string   // what the writes did, where lines are not known by their ids
	verify  []string // move lines that made the registry inconsistent to import_refused and return them
}

// registryImport is one import under way.
type registryImport struct {
	kind    registryKind
	options ImportOptions
	tx      pgx.Tx
	lines   int
	refused []headend.RefusedLine
	between func(ctx context.Context, tx pgx.Tx) error // after the writes; nil for most
}

// importRegistry runs one import: all or nothing, unless the options say to skip what is refused. It
// returns what the file did, or an error when it could not be done at all.
func (s *Store) importRegistry(ctx context.Context, r *registryImport, rows iter.Seq2[[]any, error]) (result headend.Imported, err error) {
	if r.tx, err = s.pool.Begin(ctx); err != nil {
		return result, fmt.Errorf("import: %w", withoutSecret(err))
	}
	if result, err = r.run(ctx, rows); err != nil || !result.Written {
		return result, wrapImport(rollbackAlways(ctx, r.tx, err))
	}
	if result.New+result.Changed > 0 {
		if err := r.tell(ctx); err != nil {
			return headend.Imported{}, wrapImport(rollbackAlways(ctx, r.tx, err))
		}
	}
	if err := r.audit(ctx, &result); err != nil {
		return headend.Imported{}, wrapImport(rollbackAlways(ctx, r.tx, err))
	}
	r.progress("committing", r.lines)
	return result, wrapImport(rollbackAfter(ctx, r.tx, r.tx.Commit(ctx)))
}

// tell says who has to look again, and has the planner count anew: one that believes in empty tables would answer the
// next questions by reading them whole.
func (r *registryImport) tell(ctx context.Context) error {
	if r.kind.channel != "" {
		_, err := r.tx.Exec(ctx, sqlNotify, r.kind.channel)
		return err
	}
	if _, err := r.tx.Exec(ctx, sqlImportNotify, r.kind.name); err != nil {
		return err
	}
	if r.kind.name != "device" { // its place is that of its usage point or node
		if err := refreshParts(ctx, r.tx); err != nil {
			return err
		}
	}
	_, err := r.tx.Exec(ctx, sqlImportAnalyze)
	return err
}

// audit leaves an entry in the trail, where somebody imports.
func (r *registryImport) audit(ctx context.Context, result *headend.Imported) error {
	if r.options.trail != nil {
		return r.options.trail(ctx, r.tx)
	}
	entry := struct {
		*ImportedFile
		Import    string `json:"import"`
		Lines     int    `json:"lines"`
		New       int    `json:"new"`
		Changed   int    `json:"changed"`
		Unchanged int    `json:"unchanged"`
		Refused   int    `json:"refused"`
	}{Import: r.kind.name, Lines: result.Lines, New: result.New, Changed: result.Changed, Unchanged: result.Unchanged, Refused: len(result.Refused)}
	if r.options.File != nil {
		file := r.options.File()
		entry.ImportedFile = &file
	}
	return audit(ctx, r.tx, "registry/"+r.kind.name, nil, entry)
}

func wrapImport(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("import: %w", err)
}

// rollbackAlways ends a transaction that shall leave nothing, whether or not something went wrong.
func rollbackAlways(ctx context.Context, tx pgx.Tx, err error) error {
	if err != nil {
		return rollbackAfter(ctx, tx, err)
	}
	return rollback(ctx, tx)
}

func (r *registryImport) run(ctx context.Context, rows iter.Seq2[[]any, error]) (headend.Imported, error) {
	if _, err := r.tx.Exec(ctx, sqlImportBegin); err != nil {
		return headend.Imported{}, err
	}
	if _, err := r.tx.Exec(ctx, r.kind.stage); err != nil {
		return headend.Imported{}, err
	}
	source := &rowSource{progress: r.progress}
	source.next, source.stop = iter.Pull2(rows)
	defer source.stop()
	if _, err := r.tx.CopyFrom(ctx, pgx.Identifier{"import_line"}, r.kind.columns, source); err != nil {
		if source.err != nil { // the file's error, which the server only repeats
			err = source.err
		}
		return headend.Imported{}, err
	}
	if err := r.noteRefusedWhileReading(ctx); err != nil {
		return headend.Imported{}, err
	}
	r.progress("checking", r.lines)
	if _, err := r.tx.Exec(ctx, "ANALYZE import_line"); err != nil {
		return headend.Imported{}, err
	}
	for {
		if err := r.check(ctx); err != nil {
			return headend.Imported{}, err
		}
		result, again, err := r.write(ctx)
		if err != nil {
			return headend.Imported{}, err
		}
		if again {
			continue
		}
		result.Lines, result.Refused = r.lines, r.refused
		sort.SliceStable(result.Refused, func(i, j int) bool { return result.Refused[i].Line < result.Refused[j].Line })
		result.Written = len(r.refused) == 0 || r.options.SkipRefused
		if !result.Written {
			result.New, result.Changed, result.Unchanged = 0, 0, 0
		}
		return result, nil
	}
}

// noteRefusedWhileReading lets the checks know which ids are defined by lines that could not be read.
func (r *registryImport) noteRefusedWhileReading(ctx context.Context) error {
	_, err := r.tx.CopyFrom(ctx, pgx.Identifier{"import_refused"}, []string{"line", "id", "reason"},
		pgx.CopyFromSlice(len(r.refused), func(i int) ([]any, error) {
			return []any{r.refused[i].Line, r.refused[i].ID, r.refused[i].Reason}, nil
		}))
	return err
}

// check repeats until nothing more is refused: what hangs on a refused line is refused with it.
func (r *registryImport) check(ctx context.Context) error {
	for {
		n, err := r.refuse(ctx, r.tx, r.kind.check)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// write writes the lines that are left and looks at the result. again is true when that has refused more
// lines, which have been taken out; the writes have been undone then.
func (r *registryImport) write(ctx context.Context) (result headend.Imported, again bool, err error) {
	part, err := r.tx.Begin(ctx) // a savepoint
	if err != nil {
		return result, false, err
	}
	r.progress("writing", r.lines)
	for _, sql := range r.kind.write {
		if _, err := part.Exec(ctx, sql); err != nil {
			return result, false, err
		}
	}
	if r.between != nil {
		if err := r.between(ctx, part); err != nil {
			return result, false, err
		}
	}
	r.progress("verifying", r.lines)
	before := len(r.refused)
	for _, sql := range r.kind.verify {
		if _, err := r.refuse(ctx, part, sql); err != nil {
			return result, false, err
		}
	}
	late := r.refused[before:]
	if len(late) == 0 || !r.options.SkipRefused {
		if err := part.QueryRow(ctx, cmp.Or(r.kind.count, sqlImportCount)).Scan(&result.New, &result.Changed, &result.Unchanged); err != nil {
			return result, false, err
		}
		return result, false, part.Commit(ctx)
	}
	if err := part.Rollback(ctx); err != nil {
		return result, false, err
	}
	return result, true, r.takeOut(ctx, late)
}

// takeOut removes lines that the undone writes had refused.
func (r *registryImport) takeOut(ctx context.Context, late []headend.RefusedLine) error {
	numbers, ids, reasons := make([]int, len(late)), make([]string, len(late)), make([]string, len(late))
	for i, l := range late {
		numbers[i], ids[i], reasons[i] = l.Line, l.ID, l.Reason
	}
	_, err := r.tx.Exec(ctx, sqlImportTakeOut, numbers, ids, reasons)
	return err
}

// refuse runs a statement that refuses lines and collects them.
func (r *registryImport) refuse(ctx context.Context, tx pgx.Tx, sql string) (int, error) {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	n := 0
	var line headend.RefusedLine
	_, err = pgx.ForEachRow(rows, []any{&line.Line, &line.ID, &line.Reason}, func() error {
		n++
		r.refused = append(r.refused, line)
		return nil
	})
	return n, err
}

func (r *registryImport) progress(stage string, lines int) {
	if r.options.Progress != nil {
		r.options.Progress(stage, lines)
	}
}

// stagedRows turns the lines of a file into rows of import_line; refused lines are set aside.
func stagedRows[Row any](r *registryImport, lines iter.Seq2[headend.Line[Row], error], row func(headend.Line[Row]) []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for line, err := range lines {
			if err != nil {
				yield(nil, err)
				return
			}
			r.lines++
			if line.Refusal != "" {
				r.refused = append(r.refused, headend.RefusedLine{Line: line.Number, ID: line.ID, Reason: line.Refusal})
				continue
			}
			values := row(line)
			if values == nil {
				continue
			}
			if !yield(values, nil) {
				return
			}
		}
	}
}

// rowSource feeds COPY from an iterator.
type rowSource struct {
	next     func() ([]any, error, bool)
	stop     func()
	progress func(stage string, lines int)
	values   []any
	err      error
	lines    int
}

// Next implements pgx.CopyFromSource.
func (s *rowSource) Next() bool {
	var more bool
	s.values, s.err, more = s.next()
	if s.lines++; s.lines%1000 == 0 {
		s.progress("reading", s.lines)
	}
	return more && s.err == nil
}

// Values implements pgx.CopyFromSource.
func (s *rowSource) Values() ([]any, error) { return s.values, nil }

// Err implements pgx.CopyFromSource.
func (s *rowSource) Err() error { return s.err }

// beginning is the valid_from of a line that says nothing: before any meter of ours.
var beginning = time.Unix(0, 0).UTC()

func validFrom(t time.Time) time.Time {
	if t.IsZero() {
		return beginning
	}
	return t
}

func validTo(t time.Time) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: t, Valid: true}
}
