package smtp

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tlsConfig(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

func TestCheckTemplate(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, txt, html, want string }{
		{"good", "Subject: x\n\nbody\n", "<p>{{.x}}</p>", ""},
		{"crlf", "Subject: x\r\n\r\nbody\r\n", "", ""},
		{"nosubject", "Hello\n\nbody\n", "", "nosubject.txt:1: the first line must be the subject"},
		{"nobody", "Subject: x\n", "", "nobody.txt:2: a blank line"},
		{"second", "Subject: x\nTo: y\n\nbody\n", "", "second.txt:2: only the subject"},
		{"syntax", "Subject: x\n\nline\n{{.x}}{{if}}\n", "", "syntax.txt:4: missing value for if"},
		{"subject", "Subject: {{nofunc}}\n\nbody\n", "", `subject.txt:1: function "nofunc" not defined`},
		{"html", "Subject: x\n\nbody\n", "<p>\n{{nofunc}}", `html.html:2: function "nofunc" not defined`},
		{"escape", "Subject: x\n\nbody\n", "<a href=\"{{if .x}}'{{end}}", `escape.html:1: `},
		{"../x", "", "", "is no name of a mail template"},
		{"", "", "", "is no name of a mail template"},
		{"gone", "", "", "gone.txt is not there; there are "},
	} {
		if c.txt != "" {
			write(t, filepath.Join(dir, c.name+".txt"), c.txt)
		}
		if c.html != "" {
			write(t, filepath.Join(dir, c.name+".html"), c.html)
		}
		_, err := loadTemplate(dir, c.name)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, expected %q", c.name, err, c.want)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFuncs(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ text, want string }{
		{`{{money .n}}`, "1,234,567,890,123,456,789.10"},
		{`{{money .half "EUR"}}`, "€0.01"},
		{`{{money .int}}`, "7.00"},
		{`{{date .day}}`, "31 January 2026"},
		{`{{.gone | default "x"}} {{.empty | default "y"}} {{.int | default "z"}}`, "x y 7"},
		{`{{upper .s}} {{lower .s}}`, "ÄB äb"},
	} {
		write(t, filepath.Join(dir, "t.txt"), "Subject: s\n\n"+c.text)
		tmpl := must(loadTemplate(dir, "t"))
		v := must(message("m", `{"n":1234567890123456789.1,"half":0.009,"int":7,"day":"2026-01-31","empty":"","s":"Äb"}`, nil).Body.Doc())
		out, err := tmpl.render(v.Any(), true)
		if err != nil || out.text != c.want {
			t.Errorf("%s: %q, %v, expected %q", c.text, out.text, err, c.want)
		}
	}
}
