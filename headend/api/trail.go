package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Trail is what the API asks about the whole audit trail. Errors as in Store.
type Trail interface {
	// VerifyAudit follows the trail from its first entry to its last and tells where it is not what was written.
	VerifyAudit(ctx context.Context) (headend.AuditVerdict, error)
	// WalkAudit passes every entry of the trail, oldest first, all of one snapshot.
	WalkAudit(ctx context.Context, pass func(headend.AuditEntry) error) (last int64, hash []byte, err error)
}

// AuditVerdict says whether the audit trail is what was written.
type AuditVerdict struct {
	Entries int64    `json:"entries" doc:"that are there" example:"1204"`
	Last    int64    `json:"last" doc:"number of the last one that was written" example:"1204"`
	Hash    string   `json:"hash" doc:"of the last one; who keeps number and hash elsewhere can tell later whether all was made anew" example:"5d41402abc4b2a76b9719d911017c592ae2f1c8e3b7d4c6f9a0b1c2d3e4f5061"`
	Faults  []string `json:"faults" nullable:"false" doc:"entries that were changed, removed or moved, in words; none: it is what was written" example:"[]"`
}

func (a *API) registerTrail(h huma.API) {
	tags := []string{"access"}
	huma.Register(h, huma.Operation{OperationID: "verify-audit", Method: http.MethodGet, Path: "/api/v1/audit/verification",
		Summary:     "Follow the audit trail from its first entry to its last, and tell what was changed, removed or moved",
		Description: "Of a trail that takes longer than a question may, use headend audit verify.", Tags: tags}, a.verifyTrail)
	h.OpenAPI().AddOperation(&huma.Operation{OperationID: "export-audit", Method: http.MethodGet, Path: "/api/v1/audit/export", Tags: tags,
		Summary: "The whole audit trail, oldest first, a line of JSON each; an answer that breaks off is not whole",
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: map[string]*huma.MediaType{auditFormat.MediaType: {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}},
		}})
}

func (a *API) verifyTrail(ctx context.Context, _ *struct{}) (*struct{ Body AuditVerdict }, error) {
	v, err := a.options.Trail.VerifyAudit(ctx)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body AuditVerdict }{AuditVerdict{Entries: v.Entries, Last: v.Last, Hash: hex.EncodeToString(v.Hash), Faults: append([]string{}, v.Faults...)}}, nil
}

// auditFormat is what the trail is exported in.
var auditFormat = headend.ExportFormat{Name: "ndjson", MediaType: "application/x-ndjson", Extension: ".ndjson"}

// exportTrail writes the whole trail. It takes one of the places of exports, and a client that takes it too slowly is cut off:
// all is read in one snapshot, which the database must not have to keep for long.
func (a *API) exportTrail(w http.ResponseWriter, r *http.Request) {
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		w.Header().Set("Retry-After", retryExport)
		writeProblem(w, http.StatusServiceUnavailable, fmt.Sprintf("%d exports are being made; no more can at once: ask again later", cap(a.exports)))
		return
	}
	out := &exportAnswer{w: w, control: http.NewResponseController(w), format: auditFormat, name: "audit-" + time.Now().UTC().Format("20060102T150405Z") + auditFormat.Extension, patience: a.options.ExportPatience}
	if r.Method == http.MethodHead {
		out.header()
		return
	}
	lines := json.NewEncoder(out)
	_, _, err := a.options.Trail.WalkAudit(r.Context(), func(e headend.AuditEntry) error { return lines.Encode(auditEntryOf(e)) })
	if err == nil {
		err = out.end("")
	}
	switch {
	case err == nil:
	case !out.begun:
		a.writeError(w, a.problem(r.Context(), err))
	default: // whoever reads it must not take what it has for the whole
		a.options.Log.Warn("export of the audit trail broken off", "error", err, "client", r.RemoteAddr)
		panic(http.ErrAbortHandler)
	}
}
