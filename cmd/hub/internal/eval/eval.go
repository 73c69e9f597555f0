// Package eval tries a formula on a body.
package eval

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
)

// Answer is the result of a formula.
type Answer struct {
	Value doc.Value     `json:"value"`
	Type  string        `json:"type"`
	Took  time.Duration `json:"took_ns"`
}

// Run evaluates the formula and prints its value, or what is wrong with it. funcs are functions beside the built-in ones, bodyFile
// is "-" for what the screen reads, schemaFile the JSON Schema of the body; both may be "".
func Run(s *screen.Screen, source, bodyFile, schemaFile string, funcs map[string]formula.Func) error {
	var body []byte
	var err error
	if bodyFile != "" {
		if body, err = s.ReadFile(bodyFile); err != nil {
			return err
		}
	}
	scope := formula.NewScope()
	if schemaFile != "" {
		body, err := schema.Load(schemaFile)
		if err != nil {
			return err
		}
		scope = scope.WithBody(body.Shape())
	}
	a, faults, err := Formula(source, body, scope, funcs)
	switch {
	case err != nil && bodyFile != "":
		return fmt.Errorf("%s: %w", bodyFile, err)
	case err != nil:
		return err
	case len(faults) > 0:
		return tell(s, strings.TrimPrefix(source, "="), faults)
	case s.IsJSON():
		return s.PrintJSON(a)
	}
	s.Print("%s", a.Value.JSON())
	s.Say("%s, %s", a.Type, fine(a.Took))
	return nil
}

// Formula evaluates the formula on a body, nil: there is none. It gives its value, or what is wrong with it; the error is of the body.
func Formula(source string, body []byte, scope *formula.Scope, funcs map[string]formula.Func) (a *Answer, faults []api.Fault, err error) {
	for name, f := range funcs {
		scope = scope.WithFunc(name, f)
	}
	f, errs := formula.Compile(strings.TrimPrefix(source, "="), scope)
	if f == nil {
		for _, e := range errs {
			faults = append(faults, api.Fault{Offset: e.Offset, Length: e.Length, Message: e.Message, Help: e.Help})
		}
		return nil, faults, nil
	}
	frame, err := frameOf(body)
	if err != nil {
		return nil, nil, err
	}
	v, err := f.Eval(frame)
	if e, ok := err.(*formula.RunError); ok {
		return nil, []api.Fault{{Offset: e.Offset, Length: e.Length, Message: e.Message, Found: e.Found, Help: e.Help}}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return &Answer{v, v.Kind().String(), meanTime(f, frame)}, nil, nil
}

// frameOf is what the formula runs on.
func frameOf(body []byte) (*formula.Frame, error) {
	now := hub.RealClock{}.Now()
	m := &hub.Message{ID: hub.NewID(now), Time: now}
	if body != nil {
		m.Body = hub.NewBody(body)
		if _, err := m.Body.Doc(); err != nil {
			return nil, err
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

// tell prints what is wrong.
func tell(s *screen.Screen, source string, faults []api.Fault) error {
	if s.IsJSON() {
		if err := s.PrintJSON(map[string]any{"errors": faults}); err != nil {
			return err
		}
		return exit.Told()
	}
	Faults(s, source, faults)
	return exit.Told()
}

// Faults prints what is wrong with a formula, each with a caret under its place.
func Faults(s *screen.Screen, source string, faults []api.Fault) {
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
}
