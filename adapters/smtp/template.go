package smtp

import (
	"errors"
	"fmt"
	html "html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	text "text/template"

	"orderhub/hub"
	"orderhub/hub/locale"
)

// mailTemplate makes the texts of a mail.
type mailTemplate struct {
	name    string
	subject *text.Template
	text    *text.Template
	html    *html.Template // nil: no HTML part
	above   int            // blank lines before the text, in place of the subject's
}

func loadTemplate(dir, name string) (*mailTemplate, error) {
	if name == "" || strings.ContainsAny(name, "/\\\x00") || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%q is no name of a mail template: write send: {mail: order-status, to: …} for %s", name, filepath.Join(dir, "order-status.txt"))
	}
	file := filepath.Join(dir, name+".txt")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("mail template %q: %s is not there%s", name, file, others(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("mail template %q: %w", name, err)
	}
	t := &mailTemplate{name: name}
	if err := t.parseText(file, string(raw)); err != nil {
		return nil, err
	}
	file = filepath.Join(dir, name+".html")
	raw, err = os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mail template %q: %w", name, err)
	}
	t.html, err = html.New(filepath.Base(file)).Funcs(funcs).Parse(string(raw))
	if err == nil { // html/template finds some faults only when it first runs; data faults are no news here
		var e *html.Error
		if probe, cerr := t.html.Clone(); cerr == nil {
			if rerr := probe.Execute(io.Discard, map[string]any{}); errors.As(rerr, &e) {
				err = rerr
			}
		}
	}
	if err != nil {
		return nil, located(file, err)
	}
	return t, nil
}

// parseText reads `Subject: …`, perhaps with lines that go on (they begin with a space), a blank line, and the text.
func (t *mailTemplate) parseText(file, raw string) error {
	raw = strings.ReplaceAll(strings.TrimPrefix(raw, "\ufeff"), "\r\n", "\n")
	head, body, found := strings.Cut(raw, "\n\n")
	first, more, _ := strings.Cut(head, "\n")
	subject, ok := strings.CutPrefix(first, "Subject:")
	if !ok {
		return fmt.Errorf("%s:1: the first line must be the subject: write Subject: Your order {{.order_id}}", file)
	}
	if !found {
		return fmt.Errorf("%s:%d: a blank line and the text of the mail must follow the subject", file, strings.Count(strings.TrimRight(head, "\n"), "\n")+2)
	}
	lines := 1
	for line := range strings.Lines(more) {
		lines++
		if line[0] != ' ' && line[0] != '\t' {
			return fmt.Errorf("%s:%d: only the subject stands here; begin its further lines with a space, or put a blank line before the text", file, lines)
		}
		subject += " " + strings.TrimSpace(line)
	}
	base := filepath.Base(file)
	var err error
	if t.subject, err = text.New(base).Funcs(text.FuncMap(funcs)).Parse(strings.TrimSpace(subject)); err != nil {
		return located(file, err)
	}
	t.above = lines + 1 // kept as blank lines, so that the package counts as the file does
	if t.text, err = text.New(base).Funcs(text.FuncMap(funcs)).Parse(strings.Repeat("\n", t.above) + body); err != nil {
		return located(file, err)
	}
	return nil
}

var position = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: ?`)

// located turns an error of a template package into file:line: problem.
func located(file string, err error) error {
	msg := err.Error()
	at := position.FindStringSubmatch(msg)
	if at == nil {
		return fmt.Errorf("%s:1: %s", file, strings.TrimPrefix(msg, "template: "))
	}
	return fmt.Errorf("%s:%s: %s", file, at[1], msg[len(at[0]):])
}

// others names the templates that are there.
func others(dir string) string {
	found, _ := filepath.Glob(filepath.Join(dir, "*.txt"))
	if len(found) == 0 {
		return ""
	}
	for i, f := range found {
		found[i] = strings.TrimSuffix(filepath.Base(f), ".txt")
	}
	return "; there are " + strings.Join(found, ", ")
}

// texts are a mail's texts; html is "" without an HTML part.
type texts struct{ subject, text, html string }

const noValue = "<no value>" // what text/template writes for a field that is not there

// render makes the texts of data, the subject only if it is wanted. The error is Invalid, bad_template_data: a field that a customer would miss.
func (t *mailTemplate) render(data any, subject bool) (out texts, err error) {
	for _, part := range []struct {
		to     *string
		what   string
		by     interface{ Execute(io.Writer, any) error }
		wanted bool
	}{{&out.subject, "subject", t.subject, subject}, {&out.text, "text", t.text, true}, {&out.html, "html", t.html, t.html != nil}} {
		if !part.wanted {
			continue
		}
		var b strings.Builder
		if err := part.by.Execute(&b, data); err != nil {
			return out, hub.Fail(hub.Invalid, "bad_template_data", "mail template %q: %s: %w", t.name, part.what, err)
		}
		*part.to = b.String()
		if part.what != "html" && strings.Contains(*part.to, noValue) {
			return out, hub.Fail(hub.Invalid, "bad_template_data", "mail template %q: %s: a field has no value; write {{.field | default \"…\"}} if it may be missing", t.name, part.what)
		}
	}
	for range t.above {
		out.text = strings.TrimPrefix(out.text, "\n")
	}
	return out, nil
}

// funcs are the functions of templates.
var funcs = new(locale.Language).Funcs()
