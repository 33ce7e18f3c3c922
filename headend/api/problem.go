package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// retryAway is after how many seconds it is worth asking a database again that does not answer.
const retryAway = "5"

// problem turns an error of the store into the answer it deserves: the one place where that is decided.
func (a *API) problem(ctx context.Context, err error) error {
	var unknown *headend.Unknown
	switch {
	case errors.As(err, &unknown) && unknown.What == "quantity":
		return invalid("query.quantity", unknown.ID, unknown.Error())
	case errors.As(err, &unknown):
		return huma.Error404NotFound(unknown.Error())
	case errors.Is(err, context.Canceled): // nobody reads it
		return huma.Error503ServiceUnavailable("the request was given up")
	case errors.Is(err, headend.ErrTooSlow), errors.Is(err, context.DeadlineExceeded):
		return huma.Error504GatewayTimeout(fmt.Sprintf("the question took more than %s; ask for less: a shorter time, a smaller limit, more filters", a.options.QuestionTimeout))
	case errors.Is(err, headend.ErrAway):
		a.options.Log.Warn("question not answered", "error", err)
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("the database does not answer; ask again later"), http.Header{"Retry-After": {retryAway}})
	}
	a.options.Log.Error("question not answered", "error", err)
	return huma.Error500InternalServerError("a fault inside the head-end; its log has the details")
}

// invalid says what is wrong with one parameter.
func invalid(location string, value any, message string) error {
	return huma.Error422UnprocessableEntity(message, &huma.ErrorDetail{Location: location, Value: value, Message: message})
}

// unknownOf is the part of an error that says that something is unknown; nil where it says something else.
func unknownOf(err error) *headend.Unknown {
	var unknown *headend.Unknown
	errors.As(err, &unknown)
	return unknown
}

// writeProblem writes a problem document (RFC 9457) outside of huma.
func writeProblem(w http.ResponseWriter, status int, detail string, errs ...*huma.ErrorDetail) {
	body, err := json.Marshal(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail, Errors: errs})
	if err != nil { // strings and numbers always can be
		body = nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
}
