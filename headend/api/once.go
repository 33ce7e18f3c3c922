package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Requests remembers requests that are to be carried out once, over restarts and for all head-ends on one database.
type Requests interface {
	BeginRequest(ctx context.Context, r headend.Request) (ours bool, former headend.Answered, err error)
	EndRequest(ctx context.Context, r headend.Request, a headend.Answered) error
}

// Sealer makes what may be stored of an answer, which may show a secret.
type Sealer interface {
	Seal(secret []byte, about string) ([]byte, error)
	Open(sealed []byte, about string) ([]byte, error)
}

// idempotencyKey is the client's own name for a request, as draft-ietf-httpapi-idempotency-key-header has it.
const idempotencyKey = "Idempotency-Key"

// replayed marks an answer that was given before.
const replayed = "Idempotency-Replayed"

// once carries a request with a key out once: whoever sends it again gets the answer that was given, for a day. What failed
// inside, and may go well another time, is not remembered.
func (a *API) once(h huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		key := ctx.Header(idempotencyKey)
		if key == "" || !writes(ctx.Method()) || a.options.Requests == nil || a.options.Sealer == nil {
			next(ctx)
			return
		}
		if len(key) > 128 || !isKey(key) {
			a.writeHuma(h, ctx, http.StatusUnprocessableEntity, idempotencyKey+" is at most 128 letters, digits and signs, without blanks")
			return
		}
		body, err := io.ReadAll(ctx.BodyReader()) // bounded by guard
		if err != nil {
			status, detail := http.StatusBadRequest, "the body cannot be read"
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				status, detail = http.StatusRequestEntityTooLarge, "the body is too large"
			}
			a.writeHuma(h, ctx, status, detail)
			return
		}
		r := headend.Request{Scope: callerOf(ctx), Key: key, Fingerprint: fingerprint(ctx, body)}
		ours, former, err := a.options.Requests.BeginRequest(ctx.Context(), r)
		switch {
		case err != nil:
			a.answerHuma(h, ctx, a.problem(ctx.Context(), err))
		case ours:
			a.carryOut(h, &recorder{humaContext: ctx, body: body}, r, next)
		case !former.Same:
			a.writeHuma(h, ctx, http.StatusUnprocessableEntity, idempotencyKey+" was used for another request within the last day; a new request needs a new key")
		case former.Status == 0:
			ctx.SetHeader("Retry-After", "2")
			a.writeHuma(h, ctx, http.StatusConflict, "the same request is being answered; send it again in a moment")
		default:
			a.answerAgain(h, ctx, r, former)
		}
	}
}

func writes(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

func isKey(key string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// carryOut lets the request through and remembers what came of it.
func (a *API) carryOut(h huma.API, ctx *recorder, r headend.Request, next func(huma.Context)) {
	about := r.Scope + " " + r.Key
	a.remember(ctx, r, func() headend.Answered {
		if _, err := a.options.Sealer.Seal(nil, about); err != nil { // rather than an answer that cannot be given again
			a.answerHuma(h, ctx.humaContext, a.problem(ctx.Context(), err))
			return headend.Answered{}
		}
		next(ctx)
		if ctx.status >= http.StatusInternalServerError || ctx.status == http.StatusTooManyRequests || ctx.status == 0 || ctx.cookie {
			return headend.Answered{}
		}
		sealed, err := a.options.Sealer.Seal(ctx.answer.Bytes(), about)
		if err != nil {
			a.options.Log.Error("answer not remembered", "error", err)
			return headend.Answered{}
		}
		return headend.Answered{Status: ctx.status, Kind: ctx.kind, Sealed: sealed}
	})
}

// remember stores what came of a request, also when the client has gone or the handler broke down.
func (a *API) remember(ctx huma.Context, r headend.Request, answer func() headend.Answered) {
	var given headend.Answered
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context()), 10*time.Second)
		defer cancel()
		if err := a.options.Requests.EndRequest(late, r, given); err != nil {
			a.options.Log.Error("answer not remembered: sent again soon, the request is refused; after some minutes it is carried out again", "error", err)
		}
	}()
	given = answer()
}

func (a *API) answerAgain(h huma.API, ctx huma.Context, r headend.Request, former headend.Answered) {
	body, err := a.options.Sealer.Open(former.Sealed, r.Scope+" "+r.Key)
	if err != nil {
		a.options.Log.Error("answer not given again", "error", err)
		a.writeHuma(h, ctx, http.StatusConflict, "the request was carried out, but its answer was sealed by a head-end with another key file")
		return
	}
	if act := headend.ActOf(ctx.Context()); act != nil {
		act.Entries++ // it stands in the audit trail since it was carried out
	}
	ctx.SetHeader(replayed, "true")
	if former.Kind != "" {
		ctx.SetHeader("Content-Type", former.Kind)
	}
	ctx.SetStatus(former.Status)
	if _, err := ctx.BodyWriter().Write(body); err != nil {
		a.options.Log.Debug("answer not written", "error", err)
	}
}

// answerHuma answers with a problem.
func (a *API) answerHuma(h huma.API, ctx huma.Context, problem error) {
	status := http.StatusInternalServerError
	if s, ok := problem.(huma.StatusError); ok {
		status = s.GetStatus()
	}
	a.writeHuma(h, ctx, status, problem.Error())
}

// callerOf is who asks: nobody gets an answer that was given to somebody else.
func callerOf(ctx huma.Context) string {
	if p := headend.PrincipalOf(ctx.Context()); p != nil {
		return fmt.Sprintf("account %d token %d", p.Account, p.Token)
	}
	sum := sha256.Sum256([]byte(ctx.Header("Authorization") + "\x00" + ctx.Header("Cookie"))) // a route that everybody may use
	return hex.EncodeToString(sum[:16])
}

func fingerprint(ctx huma.Context, body []byte) []byte {
	u := ctx.URL()
	sum := sha256.New()
	sum.Write([]byte(ctx.Method() + "\x00" + u.EscapedPath() + "\x00" + u.RawQuery + "\x00"))
	sum.Write(body)
	return sum.Sum(nil)
}

// recorder keeps what is answered while it is written.
type recorder struct {
	humaContext
	body   []byte // of the request
	status int
	kind   string
	cookie bool // a cookie is set: the answer is for this client alone, and this time
	answer bytes.Buffer
}

// BodyReader is the request's body, which has been read.
func (r *recorder) BodyReader() io.Reader { return bytes.NewReader(r.body) }

// SetStatus keeps the status.
func (r *recorder) SetStatus(status int) {
	r.status = status
	r.humaContext.SetStatus(status)
}

// Status is the one that was set.
func (r *recorder) Status() int { return r.status }

// SetHeader keeps the content type.
func (r *recorder) SetHeader(name, value string) {
	r.note(name, value)
	r.humaContext.SetHeader(name, value)
}

// AppendHeader is SetHeader for headers that may be repeated.
func (r *recorder) AppendHeader(name, value string) {
	r.note(name, value)
	r.humaContext.AppendHeader(name, value)
}

func (r *recorder) note(name, value string) {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Type":
		r.kind = value
	case "Set-Cookie":
		r.cookie = true
	}
}

// BodyWriter keeps what is written.
func (r *recorder) BodyWriter() io.Writer {
	return io.MultiWriter(&r.answer, r.humaContext.BodyWriter())
}

// Unwrap lets the adapter reach its own context.
func (r *recorder) Unwrap() huma.Context { return r.humaContext }

// describeOnce adds the header to the document of every request that changes something.
func describeOnce(document *huma.OpenAPI) {
	most := 128
	for _, item := range document.Paths {
		for _, o := range []*huma.Operation{item.Post, item.Put, item.Patch, item.Delete} {
			if o != nil {
				o.Parameters = append(o.Parameters, &huma.Param{Name: idempotencyKey, In: "header", Example: "6f1c3a52-close-2026-10",
					Description: "your own name for this request: sent again with the same key within a day, it is not carried out again but answered as before",
					Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: &most}})
			}
		}
	}
}
