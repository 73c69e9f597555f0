package screen

import (
	"io"
	"sync"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// Writer is one stream of a screen. What it prints is for people and terminals: no
// secret that this process has loaded, and no character that steers a terminal, goes
// through. Each Write is a whole text; the log and the verb write side by side.
type Writer struct {
	mu      sync.Mutex
	to      io.Writer
	mask    *hub.Masker
	colours bool // it is a terminal that shows colours
	safe    bool // the texts are safe already, and the control characters in them are our own
}

// Write writes p, masked and made visible. n is that of p.
func (w *Writer) Write(p []byte) (n int, err error) {
	text := w.mask.Text(string(p))
	if !w.safe {
		text = hub.VisibleLines(text)
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
			out[i] = hub.Visible(v)
		case error:
			out[i] = hub.Visible(v.Error())
		default:
			out[i] = a
		}
	}
	return out
}
