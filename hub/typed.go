package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"orderhub/hub/figures"
	"orderhub/hub/units"
)

// Typed describes a kind of channel adapter: what `type:` names in `adapters:`.
// A is the type of an opened adapter, C of its config, and S of the options of
// its sources. Configs are structs with the tags yaml, doc, default, min, max
// and required: the loader fills them with positions, and the docs are made of
// them. A function that is nil is something that the adapter can't do, or has
// nothing to say of.
//
// The functions of the last group take an opened adapter, so that methods of A
// can be written there: OpenTarget: (*Adapter).OpenTarget.
type Typed[A, C, S any] struct {
	Name string

	Send func() any // fresh options of `send: {adapter: arg, …}`: each becomes a header of its name, `data` the body; nil: it takes none

	Answers bool // its sources wait for a reply to every message, and message IDs are new at each request; else they are the same on redelivery
	Replies bool // its sources answer messages that carry a Return Address (header reply-to) when the pipeline replies
	Finite  bool // its sources may end by themselves, when the input is used up: see Env.Once

	// Nowhere is an address of its far end (`url:`, `brokers:`) at which nobody answers; "": it has no far end.
	Nowhere string
	// Confine changes a config so that nothing leaves this machine: its far end is at url, its files
	// are in the folder dir, its server takes any free port of the loopback. nil: there is nothing to change.
	Confine func(c *C, url, dir string)

	// Carries are the types of channels that it carries (`via:`), each with what an
	// integrator should know of it; "": nothing.
	Carries map[string]string
	// Place is the channel that a place of a broker ("queue orders") stands for where
	// the hub runs without that broker: then the store carries it. options are nil for a
	// place that is sent to. nil: it is no broker.
	Place func(arg string, options *S) (Carried, Subscription, error)

	// The Check functions find faults that tags can't, before anything is opened. The
	// path of a FieldFault is the YAML path inside the entry or the options; "" is the
	// text behind the adapter's name.
	Check       func(c *C, env *Env) []FieldFault
	CheckSource func(arg string, options *S) []FieldFault
	CheckTarget func(arg string) []FieldFault
	CheckCall   func(c *C, op string, headers []string) []FieldFault // what an operation's description wants and a call with these headers can't give
	// CheckHeader finds a header of a step that would have no effect on what is sent or
	// called (ignored); help is what to write instead. arg is the operation, or the text
	// behind the adapter's name; value is "" where a formula makes it.
	CheckHeader func(arg, name, value string) (help string, ignored bool)
	// Doubt finds what is no fault of a source but may not be meant, such as a door that anybody can open: a warning.
	Doubt func(c *C, arg string, options *S) []FieldFault

	Ops     func(c *C) []string              // the operations that `call: adapter.op` may name; nil: it answers no calls
	Takes   func(c *C, op string) string     // content type of the bodies that an operation takes, as its description says; "": JSON
	Expects func(c *C, op string) []Expected // which answers an operation may get; nil: its answers have no status, and no description
	Safe    func(c *C, op string) bool       // it only reads: asking changes nothing at the far end (RFC 9110, 9.2.1); nil: each may change something

	// Open makes the adapter. It must not need the far end to be there. The config has
	// no fault that Check finds; the Env has a log and a clock.
	Open func(c *C, env *Env) (A, error)

	// OpenSource opens what brings messages. arg is the text behind the adapter's name in
	// `from:` ("POST /orders"). nil: it brings no messages.
	OpenSource func(a A, arg string, options *S) (Source, error)
	// OpenTarget opens what takes messages. arg is the text behind the adapter's name in `send:`.
	OpenTarget func(a A, arg string) (Target, error)
	// OpenCaller opens what answers the calls of an operation.
	OpenCaller func(a A, op string) (Caller, error)

	// A broker can carry channels of the hub (`via:`). A carried message keeps its ID,
	// Key, Correlation, Expires, headers and body, and messages of one key stay in
	// order. Targets and sources make what they need (exchanges, queues, topics) at the
	// broker, and see to it that nothing a reader was promised is lost when a target is
	// first. A source reads as one subscription, whose messages hubs of the same name
	// share. A caller asks whoever reads the direct channel (EIP Request-Reply): the first
	// reply counts, and a request expires with its context.
	CarryTarget func(a A, c Carried) (Target, error)
	CarrySource func(a A, c Carried, s Subscription) (Source, error)
	CarryCaller func(a A, c Carried) (Caller, error)

	// Start begins a server after all its sources are opened. It returns when the server
	// can be reached; addr tells where.
	Start func(a A, ctx context.Context) (addr string, err error)
	// Link signs a link to one of the routes of a server: the public address of path, good
	// until expires. ErrNotFound: it takes no links there.
	Link func(a A, path string, expires time.Time) (string, error)
	// Probe tells soon whether the far end is there, without doing anything there. The
	// hub asks it again and again while the adapter fails, and tries the messages that
	// wait for it as soon as it says nil. After that the adapter tries too, whatever
	// pause it had made, such as that of a circuit breaker.
	Probe func(a A, ctx context.Context) error
	// Inspect compares what the adapter is told to use with what is at the far end,
	// changing nothing: `hub validate --connect` asks it after all sources, targets and
	// callers are opened. Each finding is one line that says what differs and what to
	// do, or, where it begins with Unasked, what the far end can't be asked, which is no
	// fault; err: the far end can't be asked at all.
	Inspect func(a A, ctx context.Context) (findings []string, err error)
	// Figures tells of the adapter in numbers, as it is now: of the families Breaker and Lag,
	// with its name as the first label. It may ask the far end, changing nothing there. Ends of
	// certificates are told without it: see Env.Ends.
	Figures func(a A, ctx context.Context, to *figures.Set) error
	// Close ends the adapter after its sources have returned and its targets are closed.
	Close func(a A, ctx context.Context) error
}

// New opens an adapter with a config that may still have faults, and an Env that may lack its log and its clock.
func (t Typed[A, C, S]) New(c *C, env *Env) (A, error) {
	e := *env
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Clock == nil {
		e.Clock = RealClock{}
	}
	var none A
	if t.Check != nil {
		for _, f := range t.Check(c, &e) {
			return none, fmt.Errorf("%s %q: %s: %s", t.Name, e.Name, f.Path, f.Message)
		}
	}
	a, err := t.Open(c, &e)
	if err != nil {
		return none, fmt.Errorf("%s %q: %w", t.Name, e.Name, err)
	}
	return a, nil
}

// Component is t without its types. The only type assertions of configs are in here.
func (t Typed[A, C, S]) Component() Component {
	c := Component{Name: t.Name, Send: t.Send, Answers: t.Answers, Replies: t.Replies, Finite: t.Finite, Server: t.Start != nil, Nowhere: t.Nowhere,
		Carries: t.Carries, CheckTarget: t.CheckTarget, CheckHeader: t.CheckHeader, Config: func() any { return units.Defaults[C]() },
		Check: with(t.Check), Takes: with(t.Takes), Expects: with(t.Expects), Safe: with(t.Safe),
		Open: func(cfg any, env *Env) (*Adapter, error) {
			e := *env
			e.Ends = &figures.Ends{}
			a, err := t.New(cfg.(*C), &e)
			if err != nil {
				return nil, err
			}
			return t.adapter(a, &e), nil
		}}
	if t.Confine != nil {
		c.Confine = func(cfg any, url, dir string) { t.Confine(cfg.(*C), url, dir) }
	}
	if t.OpenSource != nil {
		c.Source = func() any { return units.Defaults[S]() }
	}
	if t.Place != nil {
		c.Place = func(arg string, options any) (Carried, Subscription, error) {
			s, _ := options.(*S)
			return t.Place(arg, s)
		}
	}
	if t.CheckSource != nil {
		c.CheckSource = func(arg string, options any) []FieldFault { return t.CheckSource(arg, t.options(options)) }
	}
	if t.Doubt != nil {
		c.Doubt = func(cfg any, arg string, options any) []FieldFault { return t.Doubt(cfg.(*C), arg, t.options(options)) }
	}
	if t.CheckCall != nil {
		c.CheckCall = func(cfg any, op string, headers []string) []FieldFault { return t.CheckCall(cfg.(*C), op, headers) }
	}
	if t.Ops != nil {
		c.Ops = func(cfg any) []string { return t.Ops(cfg.(*C)) }
	}
	return c
}

// with is f for a config whose type is not known.
func with[C, X, R any](f func(*C, X) R) func(any, X) R {
	if f == nil {
		return nil
	}
	return func(cfg any, x X) R { return f(cfg.(*C), x) }
}

// options are those of a source: the defaults when there are none.
func (t Typed[A, C, S]) options(options any) *S {
	if s, ok := options.(*S); ok && s != nil {
		return s
	}
	return units.Defaults[S]()
}

// adapter is what a, which was opened with env, can do.
func (t Typed[A, C, S]) adapter(a A, env *Env) *Adapter {
	o := &Adapter{Target: bind(a, t.OpenTarget), Caller: bind(a, t.OpenCaller), CarryTarget: bind(a, t.CarryTarget), CarryCaller: bind(a, t.CarryCaller),
		Start: bind(a, t.Start), Inspect: bind(a, t.Inspect)}
	if t.OpenSource != nil {
		o.Source = func(arg string, options any) (Source, error) { return t.OpenSource(a, arg, t.options(options)) }
	}
	if t.CarrySource != nil {
		o.CarrySource = func(c Carried, s Subscription) (Source, error) { return t.CarrySource(a, c, s) }
	}
	if t.Link != nil {
		o.Link = func(path string, expires time.Time) (string, error) { return t.Link(a, path, expires) }
	}
	if t.Probe != nil {
		o.Probe = func(ctx context.Context) error { return t.Probe(a, ctx) }
	}
	o.Figures = func(ctx context.Context, to *figures.Set) error {
		err := env.Ends.Tell(to, env.Name)
		if t.Figures != nil {
			err = errors.Join(err, t.Figures(a, ctx, to))
		}
		return err
	}
	o.Close = func(ctx context.Context) error {
		if t.Close == nil {
			return nil
		}
		return t.Close(a, ctx)
	}
	return o
}

// bind is the method f of a.
func bind[A, X, R any](a A, f func(A, X) (R, error)) func(X) (R, error) {
	if f == nil {
		return nil
	}
	return func(x X) (R, error) { return f(a, x) }
}
