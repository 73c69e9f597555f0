// Package doctor examines what a hub needs: its configuration, ports, disk, clock, store, partners, secrets and limits.
// It changes nothing.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/mask"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/pipelines"
	"orderhub/pipelines/console"
	"orderhub/pipelines/yamlfile"
)

// Patient is what is examined: a hub that runs, or what one would run with.
type Patient struct {
	*config.Loaded               // the file as it is now, loaded with Stubs
	Stubs          *config.Stubs //
	Store          store.Store   // nil: it is not there yet, or StoreErr says why it can't be opened
	StoreErr       error
	Runs           string            // version of the configuration that runs; "": no hub runs
	Serves         map[string]string // addresses of the hub that runs, by adapter
}

// Patience is how long the far ends, and a look through the store, may take.
const Patience = 10 * time.Second

// diagnosis gathers the checks.
type diagnosis struct {
	*Patient
	checks []api.Check
}

func (d *diagnosis) add(name, verdict, do, format string, args ...any) {
	d.checks = append(d.checks, api.Check{Name: name, Verdict: verdict, Found: fmt.Sprintf(format, args...), Do: do})
}

// Examine gives the checks, in a fixed order.
func Examine(ctx context.Context, p *Patient) []api.Check {
	d := &diagnosis{Patient: p}
	d.configuration()
	d.secrets()
	var list []pipelines.Inspected
	if d.OK() {
		list = d.farEnds(ctx)
	}
	d.disk(ctx)
	d.store(ctx)
	d.clock(list)
	d.files()
	d.memory()
	return d.checks
}

// secretCodes are the problems of secrets.
var secretCodes = []string{"E122", "E123", "E124", "W122"}

func isSecret(p yamlfile.Problem) bool { return slices.Contains(secretCodes, p.Code) }

func (d *diagnosis) configuration() {
	const name = "configuration"
	errs := slices.DeleteFunc(d.Problems.All(), func(p yamlfile.Problem) bool { return p.Severity != yamlfile.Error || isSecret(p) })
	switch {
	case len(errs) > 0:
		d.add(name, api.Broken, "hub validate shows all", "%s: %s; the first: %s:%d: %s", d.Path, words.Plural(len(errs), "error"), errs[0].File, errs[0].Line, errs[0].Message)
	case d.Runs != "" && d.OK() && d.Runs != d.Plan.Version:
		d.add(name, api.Soon, "hub diff "+d.Path+", then hub reload", "%s was changed: the hub runs %s, the file is %s", d.Path, d.Runs, d.Plan.Version)
	default:
		do := ""
		found := d.Path + " is valid"
		if n := d.Problems.Warnings(); n > 0 {
			found, do = found+", with "+words.Plural(n, "warning"), "hub validate shows them"
		}
		d.add(name, api.Well, do, "%s", found)
	}
}

func (d *diagnosis) secrets() {
	const name = "secrets"
	bad := slices.DeleteFunc(d.Problems.All(), func(p yamlfile.Problem) bool { return !isSecret(p) })
	for _, p := range bad {
		verdict := api.Broken
		if p.Severity != yamlfile.Error {
			verdict = api.Soon
		}
		d.add(name, verdict, p.Help, "%s", p.Message)
	}
	if len(bad) == 0 {
		d.add(name, api.Well, "", "all that the configuration names can be read")
	}
}

// farEnds asks the adapters, and tells of the addresses of servers.
func (d *diagnosis) farEnds(ctx context.Context) []pipelines.Inspected {
	list, err := d.Plan.Inspect(ctx, pipelines.Inspection{Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler), Limit: Patience, Probe: true, Serve: d.Runs == "",
		Skip: func(adapter string) bool { return slices.Contains(d.Stubs.Stubbed, adapter) }})
	if err != nil {
		d.add("adapters", api.Broken, "correct the configuration", "they can't be opened: %v", err)
	}
	for _, a := range d.Plan.Adapters {
		if at := d.Serves[a.Name]; at != "" {
			d.add("port "+a.Name, api.Well, "", "this hub answers at %s", at)
		}
	}
	for _, a := range list {
		if adapter := d.Plan.Adapter(a.Adapter); adapter.Type.Server {
			d.port(&a, api.Broken)
		} else {
			d.farEnd(&a)
		}
	}
	if d.Runs == "" {
		d.own("hub.ops", d.Plan.Ops.Address, api.Broken)
		d.own("hub.console", d.Plan.Console.Address, api.Soon) // it would be at a free port
	}
	return list
}

// own tries an address that the hub itself would answer at. taken is the verdict if another program has it.
func (d *diagnosis) own(name, at string, taken string) {
	if at == "" || at == console.None {
		return
	}
	l, err := net.Listen("tcp", at)
	if err == nil {
		l.Close()
	}
	d.port(&pipelines.Inspected{Adapter: name, Address: at, Err: err}, taken)
}

func (d *diagnosis) port(a *pipelines.Inspected, taken string) {
	if name := "port " + a.Adapter; a.Err != nil {
		d.add(name, taken, "end the program that has it, or name another address", "%v", a.Err)
	} else {
		d.add(name, api.Well, "", "%s is free", a.Address)
	}
}

// certificateSoon is how long before its end a certificate should be renewed.
const certificateSoon = 14 * 24 * time.Hour

func (d *diagnosis) farEnd(a *pipelines.Inspected) {
	name, left := "adapter "+a.Adapter, time.Until(a.Peer.Ends)
	var unasked, differs []string
	for _, f := range a.Findings {
		if text, open := strings.CutPrefix(f, hub.Unasked); open {
			unasked = append(unasked, text)
		} else {
			differs = append(differs, f)
		}
	}
	secured := ""
	if !a.Peer.Ends.IsZero() {
		secured = "; its certificate ends in " + words.Span(left)
	}
	switch {
	case a.Err != nil:
		d.add(name, api.Broken, "start it, or correct the adapter's settings", "it can't be asked: %v", a.Err)
	case len(differs) > 0:
		d.add(name, api.Broken, "hub validate --connect shows where", "%s", strings.Join(differs, "; "))
	case secured != "" && left < certificateSoon:
		d.add(name, api.Soon, "let its owner renew the certificate", "it answers%s", secured)
	case len(unasked) > 0:
		d.add(name, api.Well, "", "it answers%s; it can't be asked of %s", secured, strings.Join(unasked, "; "))
	default:
		d.add(name, api.Well, "", "it answers%s", secured)
	}
}

// How far clocks may be apart. Signatures with a time in them are believed for minutes, and a date in HTTP has no parts of a second.
const (
	clockExact  = 2 * time.Second
	clockUsable = 30 * time.Second
)

// clock compares ours with those of the far ends that told the time: the nearest counts, since not all of them can be trusted to be right.
func (d *diagnosis) clock(list []pipelines.Inspected) {
	const name, do = "clock", "let this machine follow a time server (timedatectl)"
	list = slices.DeleteFunc(slices.Clone(list), func(a pipelines.Inspected) bool { return !a.Peer.Dated })
	if len(list) == 0 {
		d.add(name, api.Unknown, "compare `date -u` with a clock that you trust", "it is %s; nobody that tells the time answered", time.Now().UTC().Format(time.RFC3339))
		return
	}
	a := slices.MinFunc(list, func(x, y pipelines.Inspected) int { return int(x.Peer.Ahead.Abs() - y.Peer.Ahead.Abs()) })
	off, side := a.Peer.Ahead, "behind"
	if off < 0 {
		off, side = -off, "ahead of"
	}
	switch {
	case off <= clockExact:
		d.add(name, api.Well, "", "it goes with that of %s", a.Adapter)
	case off <= clockUsable:
		d.add(name, api.Soon, do, "it is %s %s that of %s", words.Span(off), side, a.Adapter)
	default:
		d.add(name, api.Broken, do, "it is %s %s that of %s: signatures and expiries are judged wrongly", words.Span(off), side, a.Adapter)
	}
}

// file is the absolute path of the store's file; "": it has none.
func (d *diagnosis) file() string {
	file := config.StoreFile(d.Loaded.Store())
	if abs, err := filepath.Abs(file); err == nil && file != "" {
		return abs
	}
	return file
}

func (d *diagnosis) store(ctx context.Context) {
	const name = "store"
	checker, can := d.Patient.Store.(store.Checker)
	switch {
	case d.StoreErr != nil:
		d.add(name, api.Broken, "", "it can't be opened: %v", d.StoreErr)
	case d.Patient.Store == nil && d.file() == "" && !strings.HasPrefix(d.Loaded.Store(), "memory:"):
		d.add(name, api.Unknown, "", "the hub that runs on %s examines it", mask.URL(d.Loaded.Store()))
	case d.Patient.Store == nil:
		d.add(name, api.Well, "", "there is none yet: hub run makes it")
	case !can:
		d.add(name, api.Well, "", "it answers; it has no file of the hub's to look through")
	default:
		d.look(ctx, name, checker)
	}
}

// look looks through the store's file for as long as it may.
func (d *diagnosis) look(ctx context.Context, name string, checker store.Checker) {
	bounded, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	size, _ := d.Patient.Store.Size(ctx) // of a file: never fails
	switch err := checker.Check(bounded); {
	case bounded.Err() != nil:
		d.add(name, api.Unknown, "let it be examined whole when no hub runs: sqlite3 FILE 'pragma quick_check'", "its %d MiB take more than %s to look through; nothing was found until then", size.Data>>20, Patience)
	case err != nil:
		d.add(name, api.Broken, "stop the hub, keep a copy of the file, and restore a backup", "%v", err)
	default:
		d.add(name, api.Well, "", "its %.1f MiB are whole", float64(size.Data)/(1<<20))
	}
}

// Local examines what a hub would run with that starts now.
func Local(ctx context.Context, l *config.Loaded, s *config.Stubs) *api.Checkup {
	p := &Patient{Loaded: l, Stubs: s}
	if file := config.StoreFile(l.Store()); file != "" && config.Exists(file) {
		if p.Store, p.StoreErr = drivers.Open(ctx, l.Store(), store.Options{MinFree: l.Plan.Reserve}); p.StoreErr == nil {
			defer p.Store.Close()
		}
	}
	return &api.Checkup{Checks: Examine(ctx, p)}
}
