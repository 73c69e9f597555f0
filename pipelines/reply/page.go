package reply

import (
	"bytes"
	"cmp"
	"html/template"
	"mime"
	"path/filepath"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// page is an HTML template for people; it sees the reply's body, escaped.
type page struct{ t *template.Template }

// readPage parses templates/NAME beside the configuration.
func readPage(b *pipelines.Build, n *yamlfile.Node) *page {
	file := b.Path(filepath.Join("templates", n.Str()))
	t, err := template.ParseFiles(file)
	if err != nil {
		n.Errorf("E268", "pages are html/template files in templates/ beside the configuration", "page %s: %v", n.Str(), err)
		return nil
	}
	return &page{t.Option("missingkey=zero")}
}

func (p *page) render(v doc.Value) ([]byte, error) {
	var out bytes.Buffer
	if err := p.t.Execute(&out, v.Any()); err != nil {
		return nil, hub.Fail(hub.Bug, "page", "page %s: %w", p.t.Name(), err)
	}
	return out.Bytes(), nil
}

// wantsHTML tells a browser from a program: of HTML and JSON its Accept header
// (RFC 9110, 12.5.1) weighs HTML more, or as much and names it first.
func wantsHTML(accept string) bool {
	weight := map[string]float64{}
	first := ""
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || media != "text/html" && media != "application/json" {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if err != nil {
			q = 1
		}
		first = cmp.Or(first, media)
		weight[media] = q
	}
	html, json := weight["text/html"], weight["application/json"]
	return html > json || html > 0 && html == json && first == "text/html"
}
