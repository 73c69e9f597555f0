package scenario

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/virtual"
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
func (*adapter) OpenSource(string, any) (hub.Source, error) { return virtual.Source{}, nil }

// OpenTarget gives a target that notes what it takes.
func (a *adapter) OpenTarget(arg string) (hub.Target, error) {
	return target(func(m *hub.Message) error {
		return a.life.pass("send "+a.name, func(w *world) error {
			if class := w.failure(a.name); class != "" {
				return hub.Fail(class, string(class), "%s: %s", a.name, class)
			}
			w.arrive(arrival{a.name, arg, m})
			return nil
		})
	}), nil
}

type target func(m *hub.Message) error

func (t target) Send(_ context.Context, m *hub.Message) error { return t(m) }
func (target) Close() error                                   { return nil }

// OpenCaller gives a caller that is answered by the test's mocks.
func (a *adapter) OpenCaller(op string) (hub.Caller, error) {
	name := a.name + "." + op
	return hub.CallerFunc(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return a.life.call(name, m) }), nil
}

// CarryTarget gives the way onto a channel that the broker carries.
func (a *adapter) CarryTarget(c hub.Carried) (hub.Target, error) {
	return target(func(m *hub.Message) error {
		return a.life.pass("send "+c.Name, func(w *world) error {
			w.arrive(arrival{where: c.Name, msg: m})
			w.publish(c, m)
			return nil
		})
	}), nil
}

// CarrySource notes the reader of a channel.
func (a *adapter) CarrySource(c hub.Carried, s hub.Subscription) (hub.Source, error) {
	b := &a.life.world.broker
	b.readers = append(b.readers, reading{c, s})
	return virtual.Source{}, nil
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
