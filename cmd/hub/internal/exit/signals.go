package exit

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals gives a context that SIGINT and SIGTERM end, and the SIGHUPs. A
// second SIGINT or SIGTERM ends the process at once.
func Signals(ctx context.Context) (context.Context, <-chan os.Signal, func()) {
	ctx, cancel := context.WithCancel(ctx)
	end, hup, done := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		defer cancel()
		select {
		case <-end:
		case <-done:
			return
		}
		cancel()
		select {
		case <-end:
			os.Exit(Interrupted)
		case <-done:
		}
	}()
	return ctx, hup, func() {
		signal.Stop(end)
		signal.Stop(hup)
		close(done)
	}
}
