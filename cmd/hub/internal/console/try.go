package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"orderhub/cmd/hub/internal/api"
)

// trying is the page on which people try things: what they wrote, and what came of it.
type trying struct {
	api.TryRequest
	Seq       string // of a message in the store
	Pipelines []string
	Tried     *api.Tried // nil: nothing was tried yet
	Lines     []line
	Refused   *api.Problem
}

func (v trying) refused() *api.Problem { return v.Refused }

// try is the page for formulas, steps and pipelines on a pasted or a stored message. GET shows its form, POST tries what is written into it.
func (c *Console) try(r *http.Request, st *api.Status) (*view, error) {
	if err := c.allow(r); err != nil {
		return nil, err
	}
	v := trying{TryRequest: api.TryRequest{Formula: r.FormValue("formula"), Steps: strings.ReplaceAll(r.FormValue("steps"), "\r\n", "\n"), Pipeline: r.FormValue("pipeline"),
		Body: r.FormValue("body"), Answers: strings.ReplaceAll(r.FormValue("answers"), "\r\n", "\n")}, Seq: r.FormValue("seq")}
	for _, p := range rows(st) {
		if !p.Outbox {
			v.Pipelines = append(v.Pipelines, p.Name)
		}
	}
	if r.Method != http.MethodPost {
		return &view{"try", "Try", v}, nil
	}
	q := v.TryRequest
	if v.Seq != "" {
		var err error
		if q.Seq, err = strconv.ParseInt(v.Seq, 10, 64); err != nil {
			v.Refused = api.BadRequestf("The number of a message in the store is a number, not %q.", v.Seq)
		}
	}
	if v.Refused == nil {
		t, _, err := api.PostTry.Ask(r.Context(), c.hub, query("by", byConsole), q)
		if v.Tried = t; err != nil {
			v.Refused = api.ProblemOf(err)
		} else if t.Trace != nil {
			v.Lines = timeline(t.Trace.Events)
		}
	}
	return &view{"try", "Try", v}, nil
}

// Test is what was tried as a test of the configuration.
func (v trying) Test() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tests:\n  %s takes it:\n", v.Pipeline)
	if v.Answers != "" {
		b.WriteString("    mock:\n")
		for text := range strings.Lines(v.Answers) {
			b.WriteString("      " + text)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "    do:\n      - post: %s\n        body: %s\n", v.Pipeline, strings.Join(strings.Fields(v.Body), " "))
	if reply := v.Tried.Reply; reply != nil && reply.Headers.Get("status") != "" {
		fmt.Fprintf(&b, "        expect: {status: %s}\n", reply.Headers.Get("status"))
	}
	return b.String()
}

// Underlined are the formula's places with faults, each as a line of spaces and carets.
func (v trying) Underlined(f api.Fault) string {
	text := strings.TrimPrefix(v.Formula, "=")
	from := min(f.Offset, len(text))
	to := min(from+max(f.Length, 1), len(text))
	width := func(s string) int { return len([]rune(s)) }
	return text + "\n" + strings.Repeat(" ", width(text[:from])) + strings.Repeat("^", max(1, width(text[from:to])))
}
