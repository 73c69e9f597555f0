package pipelines_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// asked is an adapter whose answer to Inspect its name tells.
type asked struct {
	name string
	hall *hall
}

// hall is where the adapters wait until three of them are asked, and where closing is noted.
type hall struct {
	three  sync.WaitGroup
	end    chan struct{}
	mu     sync.Mutex
	closed []string
}

func (a *asked) adapter() *hub.Adapter { return &hub.Adapter{Inspect: a.Inspect, Close: a.Close} }

func (a *asked) Close(context.Context) error {
	a.hall.mu.Lock()
	defer a.hall.mu.Unlock()
	a.hall.closed = append(a.hall.closed, a.name)
	return nil
}

func (a *asked) Inspect(ctx context.Context) ([]string, error) {
	switch a.name {
	case "good":
		a.hall.three.Done()
		a.hall.three.Wait()
		return nil, nil
	case "differs":
		a.hall.three.Done()
		a.hall.three.Wait()
		return []string{"the queue orders is not durable: delete it", "the exchange x is missing: declare it"}, nil
	case "away":
		a.hall.three.Done()
		a.hall.three.Wait()
		return nil, errors.New("away: connection refused")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "deaf":
		<-a.hall.end
	case "broken":
		panic("no such map")
	}
	return []string{"was asked"}, nil
}

const inspected = `adapters:
  good: {type: asked}
  differs: {type: asked}
  away: {type: asked}
  slow: {type: asked}
  deaf: {type: asked}
  broken: {type: asked}
  skipped: {type: asked}
  mute: {type: mute}
`

// TestInspect: all adapters are asked at once, each finding stands at its adapter, nobody waits longer than the limit.
func TestInspect(t *testing.T) {
	h := &hall{end: make(chan struct{})}
	defer close(h.end)
	h.three.Add(3)
	plan, problems := loadWith(t, inspected, func(name string) (*hub.Adapter, error) { return (&asked{name, h}).adapter(), nil })
	began := time.Now()
	list, err := plan.Inspect(t.Context(), pipelines.Inspection{Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler), Limit: 3 * time.Second,
		Skip: func(adapter string) bool { return adapter == "skipped" }})
	if err != nil || len(slices.DeleteFunc(list, func(a pipelines.Inspected) bool { return a.Err != nil })) != 2 {
		t.Fatalf("not two adapters answered: %+v %v", list, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	var got []string
	for _, p := range problems.All() {
		if p.Severity == yamlfile.Error {
			got = append(got, fmt.Sprintf("%d:%d %s %s", p.Line, p.Col, p.Code, p.Message))
		}
	}
	want := []string{
		"3:3 E290 differs: the queue orders is not durable: delete it",
		"3:3 E290 differs: the exchange x is missing: declare it",
		"4:3 E291 away can't be asked: connection refused",
		"5:3 E291 slow can't be asked: context deadline exceeded",
		"6:3 E291 deaf can't be asked: no answer in time",
		"7:3 E291 broken can't be asked: panic: no such map",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := strings.Join(h.closed, " "); got != "good differs away slow deaf broken skipped mute" {
		t.Errorf("closed are %s", got)
	}
}

// TestInspectOpens: a plan that can't be opened is an error that names its adapter.
func TestInspectOpens(t *testing.T) {
	plan, _ := loadWith(t, inspected, func(name string) (*hub.Adapter, error) {
		if name == "away" {
			return nil, errors.New("no such file")
		}
		return (&asked{name, &hall{}}).adapter(), nil
	})
	_, err := plan.Inspect(t.Context(), pipelines.Inspection{Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler), Limit: time.Second})
	if err == nil || !strings.HasSuffix(err.Error(), ":4: adapter away: no such file") {
		t.Errorf("%v", err)
	}
}

func loadWith(t *testing.T, yaml string, open func(name string) (*hub.Adapter, error)) (*pipelines.Plan, *yamlfile.Problems) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipelines.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	type none struct{}
	reg := language()
	for _, kind := range []string{"asked", "mute"} {
		reg.Components = append(reg.Components, hub.Component{Name: kind, Config: func() any { return &none{} },
			Open: func(_ any, env *hub.Env) (*hub.Adapter, error) {
				a, err := open(env.Name)
				if err == nil && kind == "mute" { // it can't be asked
					a.Inspect = nil
				}
				return a, err
			}})
	}
	plan, problems := pipelines.Load(path, &reg, yamlfile.NewLoader())
	if problems.Errors() > 0 {
		t.Fatal(problems.All())
	}
	for _, p := range problems.All() {
		if p.Code != "W216" {
			t.Fatal(p)
		}
	}
	return plan, problems
}
