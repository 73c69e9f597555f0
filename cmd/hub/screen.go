package main

import (
	"io"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// screen is where a verb writes. What it prints is for people and terminals: no
// secret that this process has loaded, and no character that steers a terminal, goes
// through. Each Write is a whole text.
type screen struct {
	io.Writer
	mask *hub.Masker
}

// Write writes p, masked and made visible. n is that of p.
func (s *screen) Write(p []byte) (n int, err error) {
	if _, err := io.WriteString(s.Writer, hub.VisibleLines(s.mask.Text(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// report prints the problems of a configuration. Colours are our own: then p makes its texts safe alone.
func (s *screen) report(p *yamlfile.Problems, color bool) {
	var w io.Writer = s
	if color {
		w = s.Writer
	}
	p.WriteText(w, true, color)
}

// inLine makes the texts among the arguments of a line safe for it: their line breaks are shown, not made.
func inLine(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = hub.Visible(v)
		case error:
			out[i] = hub.Visible(v.Error())
		default:
			out[i] = a
		}
	}
	return out
}
