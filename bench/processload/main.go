// Command processload measures the process manager: it runs bench/process.yaml
// on a SQLite file with fsync, keeps C orders in flight for some seconds, and
// prints one line: per_s= p50_ms= p99_ms= cpu_ms= store_bytes=.
//
// An order is 5 calls (2 at once), a signal that comes when the pickup was
// asked for, and a timer of 14 days that is called off. The services are another
// process, asked over HTTP by the hub's own client; they do nothing. Times are
// from handing in the order to the commit of its end; cpu_ms is of this program:
// the hub, and what hands in the orders; store_bytes is what the file and its log grew by.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"sync"
	"syscall"
	"time"

	"orderhub/adapters/httpclient"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

func main() {
	config := flag.String("config", "bench/process.yaml", "the process")
	file := flag.String("store", "", "SQLite file; default: a new one in a temporary folder")
	c := flag.Int("c", 256, "orders in flight")
	d := flag.Duration("d", 20*time.Second, "time measured")
	warm := flag.Duration("warm", 2*time.Second, "time before that")
	open := flag.Int("open", 0, "orders that wait for their pickup all the while")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the measured time")
	asServices := flag.Bool("serve", false, "be the services: for this program's own use")
	flag.Parse()
	if *asServices {
		serve()
		return
	}
	debug.SetGCPercent(400) // as `hub run` does
	dir, err := os.MkdirTemp("", "process")
	check(err)
	defer os.RemoveAll(dir)
	if *file == "" {
		*file = filepath.Join(dir, "process.db")
	}
	l := newLoad()
	h := start(*config, *file, l)
	if *open > 0 {
		l.fill(h, *open)
	}
	l.run(h, *c, *warm)
	if *profile != "" {
		f, err := os.Create(*profile)
		check(err)
		check(pprof.StartCPUProfile(f))
	}
	before, bytesBefore := cpu(), size(*file)
	done := l.run(h, *c, *d)
	pprof.StopCPUProfile()
	used, grown := cpu()-before, size(*file)-bytesBefore
	h.stop()
	slices.Sort(done)
	n := len(done)
	if n == 0 {
		log.Fatal("no order was done")
	}
	fmt.Printf("per_s=%.0f p50_ms=%.2f p99_ms=%.2f cpu_ms=%.3f store_bytes=%d\n", float64(n)/d.Seconds(), ms(done[n/2]), ms(done[n*99/100]),
		ms(used)/float64(n), max(grown, 0)/int64(n))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// cpu is the time that this process used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func size(file string) (n int64) {
	for _, f := range []string{file, file + "-wal"} {
		if st, err := os.Stat(f); err == nil {
			n += st.Size()
		}
	}
	return n
}

// running is a hub in this program.
type running struct {
	rt     *engine.Runtime
	st     *watched
	opened *pipelines.Opened
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func start(config, file string, l *load) *running {
	reg := &pipelines.Registry{Components: []hub.Component{source(), httpclient.Component()},
		Patterns: append(process.Patterns(), call.Pattern()), Sections: []pipelines.Section{process.Section()}}
	check(os.Setenv("SERVICES_URL", services(func(id string) { l.signals <- id })))
	plan, problems := pipelines.Load(config, reg, yamlfile.NewLoader())
	if problems.Errors() > 0 {
		problems.WriteText(os.Stderr, true, false)
		os.Exit(1)
	}
	ctx := context.Background()
	st, err := drivers.Open(ctx, "sqlite:"+file, store.Options{QueueLimit: 10_000_000})
	check(err)
	check(st.Recover(ctx, nil))
	_, err = process.Of(plan).Prepare(ctx, st, st.Commit)
	check(err)
	h := &running{st: &watched{Store: st, l: l}}
	h.rt = engine.NewRuntime(h.st, hub.RealClock{}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	h.opened, err = plan.Open(h.rt, hub.RealClock{}, slog.New(slog.DiscardHandler))
	check(err)
	run, cancel := context.WithCancel(ctx)
	h.cancel = cancel
	h.done.Go(func() { check(h.rt.Run(run)) })
	<-h.rt.Started()
	return h
}

func (h *running) stop() {
	h.cancel()
	h.done.Wait()
	check(h.opened.Close(context.Background()))
	check(h.st.Store.Close())
}

// watched tells the load when an order has ended.
type watched struct {
	store.Store
	l *load
}

var closed = []byte(`"closed":`)

// Commit commits, and looks for instances that are closed by it.
func (w *watched) Commit(ctx context.Context, u *hub.Unit) error {
	if err := w.Store.Commit(ctx, u); err != nil {
		return err
	}
	for i := range u.Writes {
		if r := &u.Writes[i]; r.Kind == "process order" && bytes.Contains(r.Value, closed) {
			w.l.ended(r.Key)
		}
	}
	return nil
}
