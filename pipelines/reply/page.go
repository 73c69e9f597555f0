package reply

import (
	"bytes"
	"html/template"
	"path/filepath"

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
