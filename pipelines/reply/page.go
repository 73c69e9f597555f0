package reply

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/locale"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// page is an HTML template for people, in each language that there are words for. It sees the fields of the reply's body, escaped, and
// beside them `now` and `lang`, the language that it is written in.
type page struct {
	languages locale.Languages
	in        map[*locale.Language]*template.Template
}

// readPage reads pages/NAME beside the configuration, with what stands beside it: the parts that pages share (_*.html), and the words.
func readPage(b *pipelines.Build, n *yamlfile.Node) *page {
	p, err := newPage(b.Path(filepath.Join("pages", n.Str())))
	if err != nil {
		n.Errorf("E268", "pages are html/template files in pages/ beside the configuration; words.de.json there has their texts in German", "page %s: %v", n.Str(), err)
		return nil
	}
	return p
}

func newPage(file string) (*page, error) {
	dir, name := filepath.Split(file)
	files, err := filepath.Glob(filepath.Join(dir, "_*.html"))
	if err != nil {
		return nil, err
	}
	files = append(files, file)
	texts, err := said(files)
	if err != nil {
		return nil, err
	}
	p := &page{in: map[*locale.Language]*template.Template{}}
	if p.languages, err = locale.Read(dir, texts); err != nil {
		return nil, err
	}
	for _, l := range p.languages {
		t, err := template.New(name).Option("missingkey=zero").Funcs(l.Funcs()).ParseFiles(files...)
		if err != nil {
			return nil, err
		}
		if p.in[l], err = t.Clone(); err != nil {
			return nil, err
		}
		var bad *template.Error // html/template finds some faults only when it first runs; what data would be at fault for is no news here
		if err := t.Execute(io.Discard, map[string]any{}); errors.As(err, &bad) {
			return nil, err
		}
	}
	return p, nil
}

// sayings finds the texts that templates have said: {{say "Order %s" .order_id}}.
var sayings = regexp.MustCompile(`\bsay ("(?:[^"\\]|\\.)*")`)

// said are the texts that files of templates have said.
func said(files []string) (texts []string, err error) {
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range sayings.FindAllStringSubmatch(string(raw), -1) {
			text, err := strconv.Unquote(m[1])
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, m[1], err)
			}
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// render is the page of a body for whoever asked: in the language that the body names (`language`), else as Accept-Language says. The
// headers say which, and what it depends on.
func (p *page) render(v doc.Value, asked *hub.Message, now time.Time, h hub.Headers) ([]byte, error) {
	l := p.languages.Choose(asked.Headers.Get("accept-language"), v.Get("language").Text())
	data := map[string]any{}
	if fields, ok := v.Any().(map[string]any); ok {
		maps.Copy(data, fields)
	}
	data["now"], data["lang"] = now.Local().Format(time.RFC3339), l.Tag
	var out bytes.Buffer
	if err := p.in[l].Execute(&out, data); err != nil {
		return nil, hub.Fail(hub.Bug, "page", "page %s: %w", p.in[l].Name(), err)
	}
	h[hub.HeaderContentType], h["content-language"], h["vary"] = "text/html; charset=utf-8", l.Tag, "accept, accept-language"
	return out.Bytes(), nil
}
