package scenario

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
)

// Lab is where tests run. It stands in for all far ends.
type Lab struct {
	life *life // the one whose adapters are opened
}

// NewLab replaces what the registry's components open by far ends that are
// played: a configuration is read and checked as ever, and reaches nobody.
func NewLab(reg *pipelines.Registry) *Lab {
	lab := &Lab{}
	for i := range reg.Components {
		reg.Components[i].Open = func(_ any, env *hub.Env) (*hub.Adapter, error) { return lab.open(env.Name), nil }
	}
	return lab
}

func (l *Lab) open(name string) *hub.Adapter {
	a := &adapter{l.life, name}
	return &hub.Adapter{Source: a.OpenSource, Target: a.OpenTarget, Caller: a.OpenCaller,
		CarryTarget: a.CarryTarget, CarrySource: a.CarrySource, CarryCaller: a.CarryCaller}
}

// adapter plays an adapter and its far end.
type adapter struct {
	life *life
	name string
}

// OpenSource gives a source that is silent: the test brings its messages.
func (*adapter) OpenSource(string, any) (hub.Source, error) { return silent{}, nil }

type silent struct{}

func (silent) Run(ctx context.Context, _ hub.Handler) error { <-ctx.Done(); return nil }

// OpenTarget gives a target that notes what it takes.
func (a *adapter) OpenTarget(arg string) (hub.Target, error) { return &target{a, arg}, nil }

type target struct {
	*adapter
	arg string
}

func (t *target) Send(_ context.Context, m *hub.Message) error {
	l := t.life
	n := l.world.number("send " + t.name)
	if err := l.point("before send %s %d", t.name, n); err != nil {
		return err
	}
	if class := l.world.failure(t.name); class != "" {
		return hub.Fail(class, string(class), "%s: %s", t.name, class)
	}
	l.world.arrive(arrival{t.name, t.arg, m})
	return l.point("after send %s %d", t.name, n)
}

func (*target) Close() error { return nil }

// OpenCaller gives a caller that is answered by the test's mocks.
func (a *adapter) OpenCaller(op string) (hub.Caller, error) {
	name := a.name + "." + op
	return hub.CallerFunc(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return a.life.call(name, m) }), nil
}

// CarryTarget gives the way onto a channel that the broker carries.
func (a *adapter) CarryTarget(c hub.Carried) (hub.Target, error) { return &carried{a.life, c}, nil }

type carried struct {
	life    *life
	channel hub.Carried
}

func (c *carried) Send(_ context.Context, m *hub.Message) error {
	l, name := c.life, c.channel.Name
	n := l.world.number("send " + name)
	if err := l.point("before send %s %d", name, n); err != nil {
		return err
	}
	l.world.arrive(arrival{where: name, msg: m})
	l.world.publish(c.channel, m)
	return l.point("after send %s %d", name, n)
}

func (*carried) Close() error { return nil }

// CarrySource notes the reader of a channel.
func (a *adapter) CarrySource(c hub.Carried, s hub.Subscription) (hub.Source, error) {
	a.life.world.broker.subscribe(c, s)
	return silent{}, nil
}

// CarryCaller asks the channel's mock, else its reader in this hub.
func (a *adapter) CarryCaller(c hub.Carried) (hub.Caller, error) {
	return hub.CallerFunc(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		l := a.life
		reader := l.world.broker.reader(c.Name)
		if l.world.mocked(c.Name) || reader == "" {
			return l.call(c.Name, m)
		}
		return l.rt.Inject(ctx, reader, m.WithHeader(hub.HeaderReplyTo, "the caller"))
	}), nil
}
