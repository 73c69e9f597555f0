package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/hub"
)

const (
	formatText   = "text"
	formatJSON   = "json"
	formatGitHub = "github"
)

// cli is what all verbs share: data goes to out, talk to talk.
type cli struct {
	stdin     io.Reader
	out, talk *screen
	mask      *hub.Masker // of both, and of the log: knows the secrets that this process has loaded
	format    string
	home      string // --hub
	personal  bool   // --personal
	color     bool   // talk is a terminal that shows colours
	shown     bool   // out is a terminal
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	mask := &hub.Masker{}
	for _, set := range os.Environ() {
		if name, value, _ := strings.Cut(set, "="); strings.HasPrefix(name, "HUB_SECRET_") {
			mask.Hide(value, name)
		}
	}
	mask.HideURL(os.Getenv("HUB_STORE"), "HUB_STORE")
	return &cli{stdin: stdin, out: &screen{Writer: stdout, mask: mask}, talk: &screen{Writer: stderr, mask: mask}, mask: mask, shown: terminal(stdout),
		color: terminal(stderr) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func terminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	st, err := file.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

func (c *cli) checkFormat() error {
	switch c.format {
	case formatText, formatJSON, formatGitHub:
		return nil
	}
	return usageError("unknown output %q%s", c.format, meant(c.format, []string{formatText, formatJSON, formatGitHub}, "write text or json"))
}

func (c *cli) json() bool { return c.format == formatJSON }

// printJSON prints v as the verb's data.
func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.talk, format+"\n", inLine(args)...) }

// table prints rows under a header, columns as wide as they need to be.
func (c *cli) table(header []string, rows [][]string) {
	widths := make([]int, len(header))
	if header != nil {
		rows = append([][]string{header}, rows...)
	}
	var all [][]string
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = hub.Visible(cell)
		}
		all = append(all, cells)
	}
	for _, r := range all {
		for i, cell := range r {
			for len(widths) <= i {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range all {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(c.out, strings.TrimRight(b.String(), " "))
	}
}

// oneLine makes text safe for one line of a terminal, at most limit characters.
func oneLine(text string, limit int) string {
	text = hub.Visible(text)
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// age is how long ago t was: 3s, 4m, 2h, 5d; "-" for no time.
func age(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return short(now.Sub(t))
}

func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// took is the duration of one step.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return "<1ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// print prints a line of the verb's data.
func (c *cli) print(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", inLine(args)...) }

// printLine prints v as one line of JSON.
func (c *cli) printLine(v any) {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.Encode(v)
}

// jsonText is v as JSON on one line.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
