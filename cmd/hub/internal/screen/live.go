package screen

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
)

// Progress tells people how far long work is, with an estimate of what is left: on a terminal in a line that the next one replaces,
// elsewhere in a line of talk every ten seconds.
type Progress struct {
	s           *Screen
	most        int // 0: it is not known
	began, told time.Time
	stop        func()
}

// progressEvery is how often plain lines tell.
const progressEvery = 10 * time.Second

// Track begins to tell of work on so many things; 0: nobody knows how many. SIGINT ends the context that it gives, so that who
// works can say how far they came. End ends it.
func (s *Screen) Track(ctx context.Context, most int) (context.Context, *Progress) {
	ctx, stop := exit.Interruptible(ctx)
	now := time.Now()
	return ctx, &Progress{s: s, most: most, began: now, told: now, stop: stop}
}

// At tells that so many things are done.
func (p *Progress) At(done int) {
	text := fmt.Sprintf("%d done", done)
	if p.most > 0 && done > 0 {
		left := time.Duration(float64(time.Since(p.began)) / float64(done) * float64(p.most-done))
		text = fmt.Sprintf("%d of %d, %s left", done, p.most, words.Span(left))
	}
	switch {
	case p.s.Talk.Terminal:
		p.s.steer(p.s.Talk, "\r\x1b[K"+text+"\r") // what the verb prints next takes its place
	case time.Since(p.told) >= progressEvery:
		p.told = time.Now()
		p.s.Say("%s", text)
	}
}

// End removes the line. It may be called again.
func (p *Progress) End() {
	if p.stop == nil {
		return
	}
	if p.stop(); p.s.Talk.Terminal {
		p.s.steer(p.s.Talk, "\r\x1b[K")
	}
	p.stop = nil
}

// Watch shows the same again and again until it fails or SIGINT comes: on a terminal in its place, elsewhere one after the other,
// parted by an empty line. JSON has nothing between.
func (s *Screen) Watch(ctx context.Context, every time.Duration, look func(context.Context) error) error {
	ctx, stop := exit.Interruptible(ctx)
	defer stop()
	for first := true; ; first = false {
		if err := s.frame(first, func() error { return look(ctx) }); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return exit.Ended(ctx)
		case <-time.After(every):
		}
	}
}

// frame shows what look prints.
func (s *Screen) frame(first bool, look func() error) error {
	if !s.Out.Terminal || s.IsJSON() {
		if !first && !s.IsJSON() {
			s.Print("")
		}
		return look()
	}
	var b bytes.Buffer
	to := s.Out.to
	s.Out.to = &b
	err := look()
	if s.Out.to = to; err != nil {
		return err
	}
	begin := "\x1b[H"
	if first {
		begin = "\x1b[2J" + begin
	}
	s.steer(s.Out, begin+"\x1b[?7l"+strings.Join(inPlace(b.String(), height(to)), "\x1b[K\r\n")+"\x1b[K\x1b[J\x1b[?7h")
	return nil
}

// inPlace are the lines that a terminal of so many rows has room for; 0: nobody knows.
func inPlace(text string, rows int) []string {
	lines := strings.Split(text, "\n")
	if rows < 2 || len(lines) <= rows {
		return lines
	}
	return append(lines[:rows-1], fmt.Sprintf("… %d more lines", len(lines)-rows))
}

// height is how many rows a terminal has; 0: it does not say.
func height(to any) int {
	file, ok := to.(*os.File)
	if !ok {
		return 0
	}
	var size struct{ rows, cols, x, y uint16 }
	if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size))); failed != 0 {
		return 0
	}
	return int(size.rows)
}

// steer writes what steers a terminal.
func (s *Screen) steer(w *Writer, text string) {
	fmt.Fprint(&Writer{to: w.to, mask: s.Mask, safe: true}, text)
}
