package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var built embed.FS

// policy is what a page may do: nothing but use what comes from here. Styles and scripts stand in files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// page is the file that answers for every address of the console: which page it is, its program decides.
const page = "index.html"

// record is where the build writes down what it was made from: digests of web/ and of the files it wrote.
const record = "build.json"

// Console answers for the console's files.
type Console struct{ files map[string]*file }

// file is one file in the forms it is sent in.
type file struct {
	kind  string // content type
	tag   string // ETag, of the plain form
	keep  bool   // its name carries a digest: the same name is the same content
	plain []byte
	coded map[string][]byte // by content coding
}

// New reads what was built. It returns an error when the binary carries no page.
func New() (*Console, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return load(dist)
}

// codings are how files are compressed when they are built, the one that is preferred first.
var codings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

func load(dist fs.FS) (*Console, error) {
	c := &Console{files: map[string]*file{}}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == record {
			return err
		}
		for _, coding := range codings {
			if strings.HasSuffix(name, coding.suffix) {
				return nil // read with the file it is a form of
			}
		}
		f, err := read(dist, name)
		c.files[name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.files[page] == nil {
		return nil, fmt.Errorf("console: dist/%s is missing; run make console", page)
	}
	return c, nil
}

func read(dist fs.FS, name string) (*file, error) {
	plain, err := fs.ReadFile(dist, name)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(plain)
	f := &file{kind: kindOf(name), tag: hex.EncodeToString(digest[:12]), keep: strings.HasPrefix(name, "assets/"), plain: plain, coded: map[string][]byte{}}
	for _, coding := range codings {
		body, err := fs.ReadFile(dist, name+coding.suffix)
		switch {
		case err == nil:
			f.coded[coding.name] = body
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return f, nil
}

// kindOf is the content type of a file, the same on every machine.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".webmanifest":
		return "application/manifest+json"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// Serves tells whether a request is for the console: a page or a part of one, not the API.
func (c *Console) Serves(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return c.find(r.URL.Path) != nil
}

// find is the file for a path; nil where there is none. An address within the console has no dot in its last part.
func (c *Console) find(at string) *file {
	name := strings.TrimPrefix(path.Clean("/"+at), "/")
	switch f := c.files[name]; {
	case f != nil:
		return f
	case name == "api" || strings.HasPrefix(name, "api/") || name == "assets" || strings.HasPrefix(name, "assets/") || strings.Contains(path.Base(name), ".") && name != "":
		return nil
	}
	return c.files[page]
}

// ServeHTTP sends a file, in the smallest form the client takes.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := c.find(r.URL.Path)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.keep {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, tag := f.plain, f.tag
	for _, coding := range codings {
		if coded, ok := f.coded[coding.name]; ok && accepts(r.Header.Values("Accept-Encoding"), coding.name) {
			h.Set("Content-Encoding", coding.name)
			body, tag = coded, f.tag+"-"+coding.name
			break
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if matches(r.Header.Values("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
}

// accepts tells whether a client takes a coding: it is named, and not with the weight 0.
func accepts(headers []string, coding string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
			if !strings.EqualFold(strings.TrimSpace(name), coding) {
				continue
			}
			q, given := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			value, err := strconv.ParseFloat(q, 64)
			return !given || err == nil && value > 0
		}
	}
	return false
}

// matches tells whether a client has that form already.
func matches(headers []string, tag string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			if part = strings.TrimPrefix(strings.TrimSpace(part), "W/"); part == "*" || part == `"`+tag+`"` {
				return true
			}
		}
	}
	return false
}
