package httpserver

import (
	"bytes"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// pagePolicy lets a page show itself and its forms, and run nothing.
const pagePolicy = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Status}} {{.Title}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}small{color:#666}</style>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
{{with .Errors}}<ul>{{range .}}<li><code>{{.Pointer}}</code> {{.Detail}}</li>{{end}}</ul>
{{end}}<p><small>{{.Status}} {{.Code}}{{with .Trace}} · {{.}}{{end}}</small></p>
</html>
`))

// page is the problem for people. All text in it is escaped.
func (p *problem) page() []byte {
	var b bytes.Buffer
	err := errorPage.Execute(&b, problemJSON{Title: http.StatusText(p.status), Status: p.status, Detail: p.detail, Code: p.code, Trace: p.trace,
		Errors: p.fields[:min(len(p.fields), maxFields)]})
	if err != nil {
		return []byte(p.code)
	}
	return b.Bytes()
}

// prefersHTML tells whether the client would rather have a page than JSON.
func prefersHTML(r *http.Request) bool {
	accept := strings.Join(r.Header["Accept"], ",")
	if !strings.Contains(accept, "text/html") {
		return false
	}
	html, data := 0.0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if _, text, ok := strings.Cut(params, "q="); ok {
			text, _, _ = strings.Cut(text, ";")
			q, _ = strconv.ParseFloat(strings.TrimSpace(text), 64)
		}
		switch media = strings.TrimSpace(media); {
		case media == "text/html":
			html = max(html, q)
		case media == typeJSON, media == typeProblem:
			data = max(data, q)
		}
	}
	return html > data
}
