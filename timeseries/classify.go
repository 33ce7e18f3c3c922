package timeseries

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"lastgasp/headend"
)

// SQLSTATE codes the store decides on; PostgreSQL manual, appendix A.
const (
	codeUniqueViolation  = "23505"
	codeCheckViolation   = "23514" // "no partition of relation found for row" comes as this
	codeSerialization    = "40001"
	codeDeadlock         = "40P01"
	codeNotRepresentable = "22P02" // text that is no value of its type
	classDataException   = "22"
	classIntegrity       = "23"
	classProgramLimit    = "54"
	codeConfigLimit      = "53400" // a limit of TimescaleDB for one statement
	classInternal        = "XX"
)

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// classify makes a *headend.DataFault of errors that the same rows would meet again. Internal errors
// count among them: one row that trips a bug in the server must not hold up its neighbours.
func classify(err error) error {
	code := sqlState(err)
	if len(code) != 5 {
		return err
	}
	if code == codeConfigLimit {
		return &headend.DataFault{Cause: err}
	}
	switch code[:2] {
	case classDataException, classIntegrity, classProgramLimit, classInternal:
		return &headend.DataFault{Cause: err}
	}
	return err
}
