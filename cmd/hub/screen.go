package main

import (
	"io"
	"sync"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// screen is where a verb writes. What it prints is for people and terminals: no
// secret that this process has loaded, and no character that steers a terminal, goes
// through. Each Write is a whole text; the log and the verb write side by side.
type screen struct {
	mu sync.Mutex
	io.Writer
	mask   *hub.Masker
	colour bool // the texts are safe already, and the control characters in them are our own
}

// Write writes p, masked and made visible. n is that of p.
func (s *screen) Write(p []byte) (n int, err error) {
	text := s.mask.Text(string(p))
	if !s.colour {
		text = hub.VisibleLines(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.Writer, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// report prints the problems of a configuration, which make their texts safe themselves.
func (s *screen) report(p *yamlfile.Problems, color bool) {
	p.WriteText(&screen{Writer: s.Writer, mask: s.mask, colour: color}, true, color)
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
