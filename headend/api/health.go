package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// healthz says that the process is alive.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) { writeOK(w) }

// readyz says that readings can come in and be stored: 200, or 503 with the reason of each check that
// fails.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	var faults []*huma.ErrorDetail
	for _, c := range a.options.Checks {
		if err := c.Ready(ctx); err != nil {
			faults = append(faults, &huma.ErrorDetail{Location: c.Name, Message: err.Error()})
		}
	}
	if len(faults) == 0 {
		writeOK(w)
		return
	}
	detail := "not ready: "
	for i, f := range faults {
		if i > 0 {
			detail += ", "
		}
		detail += f.Location
	}
	writeProblem(w, http.StatusServiceUnavailable, detail, faults...)
}

func writeOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write([]byte("{\"status\":\"ok\"}\n")); err != nil {
		return // the client has gone
	}
}
