// Package eval tries a formula on a body.
package eval

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
)

// answer is the result of a formula.
type answer struct {
	Value doc.Value     `json:"value"`
	Type  string        `json:"type"`
	Took  time.Duration `json:"took_ns"`
}

// fault is what is wrong with a formula, at an offset in bytes.
type fault struct {
	Offset  int    `json:"offset"`
	Length  int    `json:"length"`
	Message string `json:"message"`
	Found   string `json:"found,omitempty"`
	Help    string `json:"help,omitempty"`
}

// Run evaluates the formula and prints its value, or what is wrong with it. funcs are functions beside the built-in ones, bodyFile
// is "-" for what the screen reads, schemaFile the JSON Schema of the body; both may be "".
func Run(s *screen.Screen, source, bodyFile, schemaFile string, funcs map[string]formula.Func) error {
	source = strings.TrimPrefix(source, "=")
	scope := formula.NewScope()
	for name, f := range funcs {
		scope = scope.WithFunc(name, f)
	}
	if schemaFile != "" {
		body, err := schema.Load(schemaFile)
		if err != nil {
			return err
		}
		scope = scope.WithBody(body.Shape())
	}
	f, errs := formula.Compile(source, scope)
	if f == nil {
		faults := make([]fault, len(errs))
		for i, e := range errs {
			faults[i] = fault{e.Offset, e.Length, e.Message, "", e.Help}
		}
		return tell(s, source, faults)
	}
	frame, err := frameOf(s, bodyFile)
	if err != nil {
		return err
	}
	v, err := f.Eval(frame)
	if err != nil {
		if e, ok := err.(*formula.RunError); ok {
			return tell(s, source, []fault{{e.Offset, e.Length, e.Message, e.Found, e.Help}})
		}
		return err
	}
	a := answer{v, v.Kind().String(), meanTime(f, frame)}
	if s.IsJSON() {
		return s.PrintJSON(a)
	}
	s.Print("%s", v.JSON())
	s.Say("%s, %s", a.Type, fine(a.Took))
	return nil
}

// frameOf is what the formula runs on.
func frameOf(s *screen.Screen, file string) (*formula.Frame, error) {
	now := hub.RealClock{}.Now()
	m := &hub.Message{ID: hub.NewID(now), Time: now}
	if file != "" {
		raw, err := s.ReadFile(file)
		if err != nil {
			return nil, err
		}
		m.Body = hub.NewBody(raw)
		if _, err := m.Body.Doc(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return formula.NewFrame(hub.NewExchange(m, &hub.StageEnv{Clock: hub.RealClock{}})), nil
}

// meanTime is how long one evaluation takes, the mean of some.
func meanTime(f *formula.Formula, frame *formula.Frame) time.Duration {
	began, n := time.Now(), 0
	for time.Since(began) < 2*time.Millisecond {
		if _, err := f.Eval(frame); err != nil {
			break
		}
		n++
	}
	return time.Since(began) / time.Duration(max(n, 1))
}

func fine(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1000)
	}
	return words.Took(d)
}

// tell prints what is wrong, each with a caret under its place.
func tell(s *screen.Screen, source string, faults []fault) error {
	if s.IsJSON() {
		if err := s.PrintJSON(map[string]any{"errors": faults}); err != nil {
			return err
		}
		return exit.Told()
	}
	for _, f := range faults {
		from := min(f.Offset, len(source))
		to := min(from+f.Length, len(source))
		s.Say("error: %s", f.Message)
		s.Say("  %s", words.OneLine(source, 1<<16))
		s.Say("  %s%s", strings.Repeat(" ", utf8.RuneCountInString(source[:from])), strings.Repeat("^", max(1, utf8.RuneCountInString(source[from:to]))))
		if f.Found != "" {
			s.Say("  found: %s", words.OneLine(f.Found, 200))
		}
		if f.Help != "" {
			s.Say("  help: %s", f.Help)
		}
	}
	return exit.Told()
}
