package screen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/exit"
)

// TestProgress: on a terminal a line takes the place of the one before; elsewhere a plain line comes now and then. SIGINT ends the context.
func TestProgress(t *testing.T) {
	var talk bytes.Buffer
	s := New(nil, io.Discard, &talk)
	ctx, p := s.Track(t.Context(), 4)
	if p.At(1); talk.Len() > 0 {
		t.Errorf("at once, where nobody looks: %q", talk.String())
	}
	p.began, p.told = time.Now().Add(-2*time.Hour), time.Now().Add(-progressEvery)
	p.At(2)
	p.At(3)
	if got := talk.String(); got != "2 of 4, 2h left\n" {
		t.Errorf("after ten seconds: %q", got)
	}
	syscall.Kill(os.Getpid(), syscall.SIGINT)
	<-ctx.Done()
	p.End()
	p.End()

	talk.Reset()
	s.Talk.Terminal = true
	_, p = s.Track(t.Context(), 0)
	p.At(7)
	if p.End(); talk.String() != "\r\x1b[K7 done\r\r\x1b[K" {
		t.Errorf("on a terminal: %q", talk.String())
	}
}

// TestWatch: on a terminal a look takes the place of the one before, and what steers it is not the look's; elsewhere an empty line parts them; SIGINT ends it.
func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		terminal bool
		format   string
		want     string
	}{
		"terminal": {true, Text, "\x1b[2J\x1b[H\x1b[?7llook \\u001b[2J 1\x1b[K\r\n\x1b[K\x1b[J\x1b[?7h\x1b[H\x1b[?7llook \\u001b[2J 2\x1b[K\r\n\x1b[K\x1b[J\x1b[?7h"},
		"file":     {false, Text, "look \\u001b[2J 1\n\nlook \\u001b[2J 2\n"},
		"JSON":     {true, NDJSON, "look \\u001b[2J 1\nlook \\u001b[2J 2\n"},
	} {
		var out bytes.Buffer
		s := New(nil, &out, io.Discard)
		s.Out.Terminal, s.Format = c.terminal, c.format
		n := 0
		err := s.Watch(t.Context(), time.Millisecond, func(ctx context.Context) error {
			if n++; n == 3 {
				syscall.Kill(os.Getpid(), syscall.SIGINT)
				<-ctx.Done()
				return exit.With(exit.Interrupted, nil) // as a call does that is interrupted
			}
			s.Print("look %s %d", "\x1b[2J", n)
			return nil
		})
		if code, say := exit.CodeOf(err); code != exit.Interrupted || say {
			t.Errorf("%s: %v", name, err)
		}
		if strings.TrimRight(out.String(), "\n") != strings.TrimRight(c.want, "\n") {
			t.Errorf("%s:\n%q, expected\n%q", name, out.String(), c.want)
		}
	}
	s := New(nil, io.Discard, io.Discard)
	if err := s.Watch(t.Context(), time.Hour, func(context.Context) error { return errors.New("away") }); err == nil || err.Error() != "away" {
		t.Errorf("%v", err)
	}
	if got := strings.Join(inPlace("1\n2\n3\n4", 3), "|"); got != "1|2|… 1 more lines" {
		t.Errorf("more lines than the terminal has: %s", got)
	}
}
