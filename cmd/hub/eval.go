package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
)

func (c *cli) evalCommand() *cobra.Command {
	var body, schemaFile string
	cmd := &cobra.Command{
		Use:   "eval FORMULA",
		Short: "Try a formula on a body",
		Example: "  hub eval '3 * 5.20'\n  hub eval 'sum(body.lines, .price * .qty) == body.total' --body config/samples/web-orders.1-approved.json\n" +
			"  hub eval 'body.totl' --schema config/schemas/web-order.json",
		Args: between(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return c.eval(args[0], body, schemaFile) },
	}
	cmd.Flags().StringVar(&body, "body", "", "file with the body, - for stdin")
	cmd.Flags().StringVar(&schemaFile, "schema", "", "JSON Schema of the body: fields it does not have are errors")
	return cmd
}

// evalAnswer is the result of a formula.
type evalAnswer struct {
	Value doc.Value     `json:"value"`
	Type  string        `json:"type"`
	Took  time.Duration `json:"took_ns"`
}

// evalFault is what is wrong with a formula, at an offset in bytes.
type evalFault struct {
	Offset  int    `json:"offset"`
	Length  int    `json:"length"`
	Message string `json:"message"`
	Found   string `json:"found,omitempty"`
	Help    string `json:"help,omitempty"`
}

func (c *cli) eval(source, bodyFile, schemaFile string) error {
	source = strings.TrimPrefix(source, "=")
	scope := formula.NewScope()
	for name, f := range registry(c.Mask).Funcs {
		scope = scope.WithFunc(name, f)
	}
	if schemaFile != "" {
		s, err := schema.Load(schemaFile)
		if err != nil {
			return err
		}
		scope = scope.WithBody(s.Shape())
	}
	f, errs := formula.Compile(source, scope)
	if f == nil {
		faults := make([]evalFault, len(errs))
		for i, e := range errs {
			faults[i] = evalFault{e.Offset, e.Length, e.Message, "", e.Help}
		}
		return c.faults(source, faults)
	}
	frame, err := c.frame(bodyFile)
	if err != nil {
		return err
	}
	v, err := f.Eval(frame)
	if err != nil {
		return c.runFault(source, err)
	}
	a := evalAnswer{v, v.Kind().String(), evalTime(f, frame)}
	if c.IsJSON() {
		return c.PrintJSON(a)
	}
	c.Print("%s", v.JSON())
	c.Say("%s, %s", a.Type, fine(a.Took))
	return nil
}

// frame is what the formula runs on.
func (c *cli) frame(file string) (*formula.Frame, error) {
	now := hub.RealClock{}.Now()
	m := &hub.Message{ID: hub.NewID(now), Time: now}
	if file != "" {
		var raw []byte
		var err error
		if file == "-" {
			raw, err = io.ReadAll(c.In)
		} else {
			raw, err = os.ReadFile(file)
		}
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

// evalTime is how long one evaluation takes, the mean of some.
func evalTime(f *formula.Formula, frame *formula.Frame) time.Duration {
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

func (c *cli) runFault(source string, err error) error {
	if e, ok := err.(*formula.RunError); ok {
		return c.faults(source, []evalFault{{e.Offset, e.Length, e.Message, e.Found, e.Help}})
	}
	return err
}

// faults prints what is wrong, each with a caret under its place.
func (c *cli) faults(source string, faults []evalFault) error {
	if c.IsJSON() {
		if err := c.PrintJSON(map[string]any{"errors": faults}); err != nil {
			return err
		}
		return exit.Told()
	}
	for _, f := range faults {
		from := min(f.Offset, len(source))
		to := min(from+f.Length, len(source))
		c.Say("error: %s", f.Message)
		c.Say("  %s", words.OneLine(source, 1<<16))
		c.Say("  %s%s", strings.Repeat(" ", utf8.RuneCountInString(source[:from])), strings.Repeat("^", max(1, utf8.RuneCountInString(source[from:to]))))
		if f.Found != "" {
			c.Say("  found: %s", words.OneLine(f.Found, 200))
		}
		if f.Help != "" {
			c.Say("  help: %s", f.Help)
		}
	}
	return exit.Told()
}
