// Package console is the operators' console: a program for browsers that is built from web/ and carried in the binary.
//
//	web/ (Svelte, TypeScript) ──make console──▶ dist/ (committed) ──go:embed──▶ Console, an http.Handler
//
// In come requests for pages and their parts; out go files. It knows nothing of the head-end: what the pages show they ask
// of /api/v1 themselves, as any other client does.
//
// Guarantees:
//
//   - Everything comes from this origin; the content security policy allows nothing else, and no script or style that
//     stands in a page.
//   - Files whose names carry a digest of their content may be kept for ever; the page that names them is asked for again
//     each time, and answered with 304 where it is the same.
//   - What is in dist/ was built from what is in web/: a test compares the digests that the build wrote down.
//
// `go build` needs no Node. Whoever changes web/ runs `make console` and commits dist/ with it.
package console
