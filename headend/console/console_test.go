package console_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lastgasp/headend/console"
)

// TestBuildMatchesSources: what is committed in dist/ was made from what is committed in web/, and nobody has changed it since.
func TestBuildMatchesSources(t *testing.T) {
	text, err := os.ReadFile("dist/build.json")
	if err != nil {
		t.Fatal(err)
	}
	var record struct{ Sources, Files string }
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	if got := digest(t, "web", func(name string) bool { return name == "node_modules" || strings.HasPrefix(name, ".") }); got != record.Sources {
		t.Errorf("web/ has changed since dist/ was built from it: run make console and commit dist/ too (digest %s, built from %s)", got, record.Sources)
	}
	if got := digest(t, "dist", func(name string) bool { return name == "build.json" }); got != record.Files {
		t.Errorf("dist/ is not as it was built: run make console (digest %s, built %s)", got, record.Files)
	}
}

// digest is that of build/finish.mjs: a line for each file, in the order of their paths' bytes.
func digest(t *testing.T, root string, skip func(name string) bool) string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != root && skip(entry.Name()):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case !entry.IsDir():
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 5 {
		t.Fatalf("only %d files in %s", len(paths), root)
	}
	slices.Sort(paths)
	all := sha256.New()
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		one := sha256.Sum256(body)
		relative, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(all, "%s  %s\n", hex.EncodeToString(one[:]), filepath.ToSlash(relative))
	}
	return hex.EncodeToString(all.Sum(nil))
}

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	c, err := console.New()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return s
}

// ask gets a file without the client undoing its compression.
func ask(t *testing.T, s *httptest.Server, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

var asset = regexp.MustCompile(`/assets/[A-Za-z0-9_.-]+\.(?:js|css)`)

func TestPagesAndTheirParts(t *testing.T) {
	s := serve(t)
	answer, page := ask(t, s, "/")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the page: %d %v", answer.StatusCode, answer.Header)
	}
	for _, path := range []string{"/outages/17", "/meters/plant%2Fline", "/reliability?month=2026-11"} {
		if answer, other := ask(t, s, path); answer.StatusCode != http.StatusOK || other != page {
			t.Errorf("%s: %d, not the page", path, answer.StatusCode)
		}
	}
	for _, path := range []string{"/api/v1/nothing", "/assets/gone.js", "/assets/", "/robots.txt", "/build.json", "/index.html.gz", "/../console.go"} {
		if answer, _ := ask(t, s, path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, answer.StatusCode)
		}
	}
	parts := asset.FindAllString(page, -1)
	if len(parts) < 2 {
		t.Fatalf("the page names %v", parts)
	}
	for _, path := range parts {
		answer, _ := ask(t, s, path)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", path, answer.StatusCode, answer.Header)
		}
	}
}

func TestPolicyForbidsWhatIsWrittenIntoPages(t *testing.T) {
	answer, page := ask(t, serve(t), "/")
	policy := answer.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy allows too much: %q", policy)
	}
	for _, forbidden := range []string{"<style", " style=", " onload=", "http://", "https://"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %s", forbidden)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) {
		t.Error("a script stands in the page")
	}
}

func TestFormsAndTags(t *testing.T) {
	s := serve(t)
	_, page := ask(t, s, "/")
	path := asset.FindString(page)
	plain, body := ask(t, s, path)
	seen := map[string]bool{plain.Header.Get("ETag"): true}
	for accept, want := range map[string]string{"gzip": "gzip", "gzip, deflate, br": "br", "br;q=0, gzip": "gzip", "gzip;q=0, br; q=0": "", "zstd": ""} {
		answer, coded := ask(t, s, path, "Accept-Encoding", accept)
		if answer.Header.Get("Content-Encoding") != want || answer.Header.Get("Vary") != "Accept-Encoding" || want != "" && len(coded) >= len(body) {
			t.Errorf("%s: coded %q, %d of %d bytes, want %q", accept, answer.Header.Get("Content-Encoding"), len(coded), len(body), want)
		}
		seen[answer.Header.Get("ETag")] = true
		if again, rest := ask(t, s, path, "Accept-Encoding", accept, "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || rest != "" {
			t.Errorf("%s: the same again is %d with %d bytes, want 304 without", accept, again.StatusCode, len(rest))
		}
	}
	if len(seen) != 3 {
		t.Errorf("three forms have the tags %v", seen)
	}
}

// TestFirstPageIsSmall: what the first page takes, compressed, is under 100 kB.
func TestFirstPageIsSmall(t *testing.T) {
	s := serve(t)
	answer, _ := ask(t, s, "/", "Accept-Encoding", "gzip")
	total := answer.ContentLength
	_, page := ask(t, s, "/")
	parts := asset.FindAllString(page, -1)
	for i := 0; i < len(parts); i++ { // those that the page names, and those that they import themselves
		answer, _ := ask(t, s, parts[i], "Accept-Encoding", "gzip")
		total += answer.ContentLength
		_, body := ask(t, s, parts[i])
		for _, name := range regexp.MustCompile(`(?:from|import)"\./([A-Za-z0-9_.-]+\.js)"`).FindAllStringSubmatch(body, -1) {
			if next := "/assets/" + name[1]; !slices.Contains(parts, next) {
				parts = append(parts, next)
			}
		}
	}
	words, err := filepath.Glob("dist/assets/words.vi-*.js.gz")
	if err != nil || len(words) != 1 {
		t.Fatalf("the Vietnamese words: %v %v", words, err)
	}
	info, err := os.Stat(words[0])
	if err != nil {
		t.Fatal(err)
	}
	if total += info.Size(); total > 100_000 {
		t.Errorf("the first page takes %d bytes, at most 100,000 are allowed", total)
	}
	t.Logf("the first page takes %d bytes in %d files", total, len(parts)+2)
}
