package main

import (
	"context"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/pipelines/scenario"
)

// calm is how long no file must change before the tests run again: an editor writes several times.
const calm = 100 * time.Millisecond

// testAgain runs the tests, and again whenever a file in their folders changes, until ^C.
func (c *cli) testAgain(ctx context.Context, args []string, f testFlags, o scenario.Options) error {
	ctx, _, stop := signals(ctx)
	defer stop()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		folders, err := c.testOnce(ctx, args, f, o)
		if code, say := exit.CodeOf(err); say && ctx.Err() == nil {
			c.Say("hub: %v (%d)", err, code)
		}
		for _, dir := range folders {
			if err := w.Add(dir); err != nil && exists(dir) {
				return err
			}
		}
		if !changed(ctx, w) {
			return exit.With(exit.Interrupted, nil)
		}
		c.Print("──── %s", time.Now().Format(time.TimeOnly))
	}
}

// changed waits for a change; false: ctx has ended.
func changed(ctx context.Context, w *fsnotify.Watcher) bool {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-w.Events:
			if !strings.HasSuffix(e.Name, "~") && !e.Has(fsnotify.Chmod) {
				quiet = time.After(calm)
			}
		case <-quiet:
			return true
		}
	}
}
