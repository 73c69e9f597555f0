package httpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

// pagePolicy is the Content-Security-Policy (CSP Level 3) of a page: it shows itself, its own <style> elements and its forms, and runs
// nothing. The styles are known by their digests, so that no other one applies.
func pagePolicy(page []byte) string {
	var styles strings.Builder
	for {
		_, rest, found := bytes.Cut(page, []byte("<style>"))
		style, behind, closed := bytes.Cut(rest, []byte("</style>"))
		if !found || !closed {
			break
		}
		digest := sha256.Sum256(style)
		styles.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'")
		page = behind
	}
	return "default-src 'none'; style-src 'self'" + styles.String() + "; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// words are a problem as people read it.
func (p *problemJSON) words() (heading, text string) {
	switch {
	case p.Code == codeUnproven:
		return "This does not open", "follow the link in our newest mail to you, or give the right password"
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden:
		return "This does not open", p.Detail
	case p.Status == http.StatusNotFound:
		return "There is nothing here", p.Detail
	case p.Status >= http.StatusInternalServerError:
		return "That did not work", p.Detail
	}
	return "Please look at this once more", p.Detail
}

var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Heading}}</title>
<style>
:root { --paper: #f6f7f9; --card: #fff; --line: #e2e5ea; --ink: #1d2129; --quiet: #5b616e; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1216; --card: #171b21; --line: #2a3039; --ink: #e8ebf0; --quiet: #a4abb8; } }
body { margin: 0; padding: 24px 16px; font: 17px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: var(--ink); background: var(--paper); }
main { max-width: 520px; margin: 8vh auto 0; padding: 24px; border: 1px solid var(--line); border-radius: 12px; background: var(--card); overflow-wrap: anywhere; }
h1 { margin: 0 0 12px; font-size: 24px; line-height: 1.25; }
p { margin: 0 0 12px; }
.detail::first-letter { text-transform: uppercase; }
small { color: var(--quiet); }
</style>
<main>
<h1>{{.Heading}}</h1>
<p class="detail">{{.Text}}.</p>
{{with .Problem.Errors}}<ul>{{range .}}<li>{{with .Pointer}}<code>{{.}}</code> {{end}}{{.Detail}}</li>{{end}}</ul>
{{end}}<small>{{.Problem.Status}} {{.Problem.Code}}{{with .Problem.Trace}} · {{.}}{{end}}</small>
</main>
</html>
`))
