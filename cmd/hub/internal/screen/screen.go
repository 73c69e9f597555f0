// Package screen is what a verb reads from and prints to: lines, tables and JSON,
// without secrets and without characters that steer a terminal.
package screen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/escape"
	"orderhub/hub/mask"
	"orderhub/pipelines/yamlfile"
)

// Formats of a verb's data.
const (
	Text   = "text"
	JSON   = "json"
	NDJSON = "ndjson" // one line for each element of a list
	GitHub = "github" // problems, for workflows
	JUnit  = "junit"  // tests, for build servers
)

// Screen is where a verb reads and writes: data goes to Out, talk to Talk.
type Screen struct {
	In        io.Reader
	Out, Talk *Writer
	Mask      *mask.Masker // of both, and of the log: it knows the secrets that this process has loaded
	Format    string
}

// New makes a screen of the process's streams. Its mask knows the secrets of the environment.
func New(stdin io.Reader, stdout, stderr io.Writer) *Screen {
	mask := &mask.Masker{}
	for _, set := range os.Environ() {
		if name, value, _ := strings.Cut(set, "="); strings.HasPrefix(name, "HUB_SECRET_") {
			mask.Hide(value, name)
		}
	}
	mask.HideURL(os.Getenv("HUB_STORE"), "HUB_STORE")
	colours := terminal(stderr) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &Screen{In: stdin, Mask: mask,
		Out:  &Writer{to: stdout, mask: mask, colours: colours && terminal(stdout), Terminal: terminal(stdout)},
		Talk: &Writer{to: stderr, mask: mask, colours: colours, Terminal: terminal(stderr)}}
}

func terminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	st, err := file.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

// ReadFile is what the file holds; "-" stands for what the screen reads.
func (s *Screen) ReadFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(s.In)
	}
	return os.ReadFile(name)
}

// CheckFormat refuses a format that the verb does not know; help says what to write.
func (s *Screen) CheckFormat(help string, known ...string) error {
	if slices.Contains(known, s.Format) {
		return nil
	}
	return exit.Usagef("unknown output %q%s", s.Format, words.Meant(s.Format, known, help))
}

// IsJSON tells that the verb's data is to be printed as JSON.
func (s *Screen) IsJSON() bool { return s.Format == JSON || s.Format == NDJSON }

// Print prints a line of the verb's data.
func (s *Screen) Print(format string, args ...any) { fmt.Fprintf(s.Out, format+"\n", inLine(args)...) }

// Say prints a line of talk.
func (s *Screen) Say(format string, args ...any) { fmt.Fprintf(s.Talk, format+"\n", inLine(args)...) }

// PrintJSON prints v as the verb's data. In ndjson a list, or what has one (Lines), has a line for each element.
func (s *Screen) PrintJSON(v any) error {
	if s.Format != NDJSON {
		return s.encode(v, "  ")
	}
	if page, ok := v.(interface{ Lines() any }); ok {
		v = page.Lines()
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return s.PrintLine(v)
	}
	for i := range list.Len() {
		if err := s.PrintLine(list.Index(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// PrintLine prints v as one line of JSON.
func (s *Screen) PrintLine(v any) error { return s.encode(v, "") }

func (s *Screen) encode(v any, indent string) error {
	enc := json.NewEncoder(s.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// Row is a row of a table: texts and numbers.
type Row []any

// Table prints rows under a header, columns as wide as they need to be.
func (s *Screen) Table(header []string, rows []Row) {
	var all [][]string
	if header != nil {
		all = append(all, header)
	}
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = escape.Visible(fmt.Sprint(cell))
		}
		all = append(all, cells)
	}
	var widths []int
	for _, cells := range all {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range all {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(s.Out, strings.TrimRight(b.String(), " "))
	}
}

// List prints a table with a row for each of a list.
func List[T any](s *Screen, header []string, list []T, row func(T) Row) {
	rows := make([]Row, len(list))
	for i, v := range list {
		rows[i] = row(v)
	}
	s.Table(header, rows)
}

// Explain prints the problems of a configuration that can't be used, and ends the verb.
func (s *Screen) Explain(path string, p *yamlfile.Problems) error {
	if s.IsJSON() {
		p.WriteJSON(s.Out)
	} else {
		s.Talk.Problems(p)
		s.Say("%s: %s", path, words.Plural(p.Errors(), "error"))
	}
	return exit.Told()
}

// Confirm asks on a terminal; without one the answer is no.
func (s *Screen) Confirm(question string) bool {
	if !terminal(s.In) {
		return false
	}
	return strings.HasPrefix(strings.ToLower(s.ask(question+" [y/N]")), "y")
}

// Typed asks on a terminal for a word to be typed; without one the answer is no.
func (s *Screen) Typed(question, word string) bool {
	return terminal(s.In) && s.ask(question) == word
}

func (s *Screen) ask(question string) string {
	fmt.Fprintf(s.Talk, "%s ", question)
	line, _ := bufio.NewReader(s.In).ReadString('\n')
	return strings.TrimSpace(line)
}

// Logger writes to Talk: what ops should know, with a verbosity above 0 more. form is Text, or JSON: one object a line.
func (s *Screen) Logger(form string, verbose int) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose > 0 {
		o.Level = slog.LevelDebug
	}
	if form == JSON {
		return slog.New(s.Mask.LogHandler(slog.NewJSONHandler(s.Talk, o)))
	}
	return slog.New(s.Mask.LogHandler(slog.NewTextHandler(s.Talk, o)))
}

// Writer is one stream of a screen. What it prints is for people and terminals: no
// secret that this process has loaded, and no character that steers a terminal, goes
// through. Each Write is a whole text; the log and the verb write side by side.
type Writer struct {
	mu       sync.Mutex
	to       io.Writer
	mask     *mask.Masker
	colours  bool // it is a terminal that shows colours
	Terminal bool // somebody looks at it
	safe     bool // the texts are safe already, and the control characters in them are our own
}

// Write writes p, masked and made visible. n is that of p.
func (w *Writer) Write(p []byte) (n int, err error) {
	text := w.mask.Text(string(p))
	if !w.safe {
		text = escape.VisibleLines(text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := io.WriteString(w.to, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Problems prints the problems of a configuration, which make their texts safe themselves.
func (w *Writer) Problems(p *yamlfile.Problems) {
	p.WriteText(&Writer{to: w.to, mask: w.mask, safe: w.colours}, true, w.colours)
}

// inLine makes the texts among the arguments of a line safe for it: their line breaks are shown, not made.
func inLine(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = escape.Visible(v)
		case error:
			out[i] = escape.Visible(v.Error())
		default:
			out[i] = a
		}
	}
	return out
}
