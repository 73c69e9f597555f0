package patterntest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"orderhub/hub"
	"orderhub/pipelines/virtual"
)

// farEnds are the fake adapters: `type: fake` brings messages whose IDs repeat
// on redelivery and takes messages, `type: fake-web` waits for answers. Both
// answer the operations listed in `ops`, and carry channels: what is sent to them is "adapter channel name", calls of them are "adapter.name".
type farEnds struct {
	answers map[string]Answer
	refuses func(*hub.Message) error

	mu    sync.Mutex
	sent  map[string][]*hub.Message // by "adapter" or "adapter argument"
	calls map[string][]*hub.Message // by "adapter.op"

	readers map[string]hub.Subscription // by pipeline
}

type fakeConfig struct {
	Ops any `yaml:"ops" doc:"its operations: a list of names, or a map"`
}

func (c *fakeConfig) operations() (names []string) {
	switch ops := c.Ops.(type) {
	case []any:
		for _, name := range ops {
			names = append(names, fmt.Sprint(name))
		}
	case map[string]any:
		names = slices.Sorted(maps.Keys(ops))
	}
	return names
}

type fakeOptions struct {
	To string `yaml:"to" list:"true" doc:"becomes the header to"`
}

type fakeSource struct{}

func newFarEnds(c Config) *farEnds {
	return &farEnds{answers: c.Answers, refuses: c.Refuses, sent: map[string][]*hub.Message{}, calls: map[string][]*hub.Message{}, readers: map[string]hub.Subscription{}}
}

func (f *farEnds) components() []hub.Component {
	kind := func(name string, answers bool) hub.Component {
		return hub.Component{
			Name:    name,
			Config:  func() any { return &fakeConfig{} },
			Source:  func() any { return &fakeSource{} },
			Send:    func() any { return &fakeOptions{} },
			Ops:     func(cfg any) []string { return cfg.(*fakeConfig).operations() },
			Expects: func(any, string) []hub.Expected { return []hub.Expected{{Status: "2xx"}, {Status: "402"}} },
			Safe:    func(_ any, op string) bool { return strings.HasPrefix(op, "look") },
			Answers: answers,
			Replies: !answers,
			Carries: map[string]string{"direct": "", "topic": "", "fanout": "", "headers": ""},
			Place: func(arg string, _ any) (hub.Carried, hub.Subscription, error) {
				kind, name, _ := strings.Cut(arg, " ")
				name, pattern, _ := strings.Cut(name, " ")
				if kind != "direct" && kind != "topic" {
					return hub.Carried{}, hub.Subscription{}, fmt.Errorf("%q is no place", arg)
				}
				return hub.Carried{Name: name, Type: kind}, hub.Subscription{Pattern: pattern}, nil
			},
			Open: func(_ any, env *hub.Env) (*hub.Adapter, error) {
				a := &fake{f, env.Name}
				return &hub.Adapter{Source: a.OpenSource, Target: a.OpenTarget, Caller: a.OpenCaller,
					CarryTarget: a.CarryTarget, CarrySource: a.CarrySource, CarryCaller: a.CarryCaller}, nil
			},
		}
	}
	return []hub.Component{kind("fake", false), kind("fake-web", true)}
}

type fake struct {
	far  *farEnds
	name string
}

func (f *fake) CarryTarget(c hub.Carried) (hub.Target, error) {
	return f.OpenTarget("channel " + c.Name)
}

func (f *fake) CarrySource(_ hub.Carried, s hub.Subscription) (hub.Source, error) {
	f.far.mu.Lock()
	defer f.far.mu.Unlock()
	f.far.readers[s.Pipeline] = s
	return virtual.Source{}, nil
}

func (f *fake) CarryCaller(c hub.Carried) (hub.Caller, error) { return f.OpenCaller(c.Name) }

func (*fake) OpenSource(string, any) (hub.Source, error) { return virtual.Source{}, nil }

func (f *fake) OpenTarget(arg string) (hub.Target, error) {
	if arg != "" {
		arg = " " + arg
	}
	return &target{f.far, f.name + arg}, nil
}

func (f *fake) OpenCaller(op string) (hub.Caller, error) {
	name := f.name + "." + op
	return hub.CallerFunc(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		f.far.mu.Lock()
		f.far.calls[name] = append(f.far.calls[name], m)
		f.far.mu.Unlock()
		answer := f.far.answers[name]
		if answer == nil {
			return nil, fmt.Errorf("the test gives no answer for %s", name)
		}
		return answer(ctx, m)
	}), nil
}

type target struct {
	far  *farEnds
	name string
}

func (t *target) Send(_ context.Context, m *hub.Message) error {
	if t.far.refuses != nil {
		if err := t.far.refuses(m); err != nil {
			return err
		}
	}
	t.far.mu.Lock()
	defer t.far.mu.Unlock()
	t.far.sent[t.name] = append(t.far.sent[t.name], m)
	return nil
}

func (*target) Close() error { return nil }
