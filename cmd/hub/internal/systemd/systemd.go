// Package systemd tells the service manager that started the hub how the hub is: sd_notify(3). Where there is none, nothing is told.
package systemd

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// What the manager is told, in its own words.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	alive    = "WATCHDOG=1"
)

// Notify tells the manager a state. One that does not listen learns by its own time limits that it was not told.
func Notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if c, err := net.Dial("unixgram", name); err == nil { // a name that begins with @ is an abstract socket, for net as for systemd
		_, _ = c.Write([]byte(state))
		c.Close()
	}
}

// Watch tells the manager that the hub is alive, twice as often as it wants to hear of it (WATCHDOG_USEC, in microseconds), until ctx ends. Each time
// it calls look first: when that does not return, the manager hears nothing more, and starts the hub again.
func Watch(ctx context.Context, look func()) {
	limit, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || limit < 2 {
		return
	}
	tick := time.NewTicker(time.Duration(limit) * time.Microsecond / 2)
	defer tick.Stop()
	for {
		look()
		Notify(alive)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
