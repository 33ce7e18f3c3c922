// Package api answers over HTTP for what the head-end knows: JSON under /api/v1, described in OpenAPI 3.1 at
// /api/v1/openapi.json, and /healthz, /readyz and /metrics for those who run it.
//
//	request ──▶ bounds (time, size, how many at once) ──▶ huma: parse, check ──▶ question ──▶ Store
//	   ◀── JSON page with a cursor, or an RFC 9457 problem document ◀──────────────────────────┘
//
// In come requests; out go questions to a Store, which is whatever has the methods this package declares.
// Times are RFC 3339, ranges are half-open, lists are pages in a fixed order with a cursor to the next.
//
// Guarantees:
//
//   - What is wrong with a request is said in a problem document that names the parameter; what is wrong
//     inside is logged and not told.
//   - A question ends when its client goes away or its time is over, in the database too.
//   - At most Options.Questions are asked at once, so that operators' questions never take the
//     connections that readings are stored through.
//   - What was not measured is absent: no zero, no null that stands for a number.
//
// Who may use which route stands in one table, permissions.go; what is in no line of it is refused to everybody. What a route
// shows to who sees a part of the organisation alone is decided by the store.
// Requests that another site makes a browser send are refused where they would change something.
//
// A new resource is one file: its JSON types, its handler, and one line in New.
package api
