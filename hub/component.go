package hub

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
)

// Component is a kind of channel adapter: what `type:` names in `adapters:`.
// Configs are pointers to structs with tags yaml, doc, default, min, max,
// required; the loader fills them with positions and the docs are made of them.
type Component struct {
	Name string
	Doc  string // its README.md
	// Config is a fresh config with its defaults, for an entry of `adapters:`.
	Config func() any
	// Source is a fresh config for the options of `from: {adapter: arg, …}`; nil: it brings no messages.
	Source func() any
	// Send is a fresh config whose fields name the options of `send: {adapter: arg, …}`; nil: it takes none.
	// Their values become headers of the message by the same name; `data` becomes the body.
	Send func() any
	// Ops lists the operations that `call: adapter.op` may name; nil: it answers no calls.
	Ops func(cfg any) []string
	// Expects tells which answers an operation of Ops may get; nil: its answers have no status, and no description.
	Expects func(cfg any, op string) []Expected
	// Check finds faults of a config that its tags can't, before anything is
	// opened. The path of a FieldFault is the YAML path inside the entry.
	Check func(cfg any, env *Env) []FieldFault
	// CheckSource and CheckTarget find faults of what `from:` and `send:` say, likewise. The path is that
	// inside the options; "" is the text behind the adapter's name. nil: every text will do.
	CheckSource func(arg string, cfg any) []FieldFault
	CheckTarget func(arg string) []FieldFault
	// Doubt finds what is no fault of a source but may not be meant, such as a door that anybody can open: a warning. cfg is the adapter's.
	Doubt func(cfg any, arg string, source any) []FieldFault
	// CheckCall finds faults of a call of an operation, likewise: what its description wants and a call can't give. nil: none has any.
	CheckCall func(cfg any, op string) []FieldFault
	// Safe tells that an operation of Ops only reads: asking changes nothing at the far end (RFC 9110, 9.2.1). nil: each may change something.
	Safe func(cfg any, op string) bool
	// CheckHeader finds a header of a step that would have no effect on what is sent or called: ignored. Help is what
	// to write instead. arg is the operation, or the text behind the adapter's name; value is "" where a formula makes it. nil: all are sent.
	CheckHeader func(arg, name, value string) (help string, ignored bool)
	// Answers: its sources wait for a reply to every message, and their message IDs are new at each request; else IDs are the same on redelivery.
	Answers bool
	// Replies: its sources answer the messages that carry a Return Address (header reply-to), when the pipeline replies.
	Replies bool
	// Carries are the types of channels that it carries (`via:`; it is a Carrier then), each with what an integrator should know of it; "": nothing.
	Carries map[string]string
	// Place is the channel that a place of a broker ("queue orders") stands for where the hub runs
	// without that broker: then the store carries it. nil: the adapter is no broker.
	Place func(arg string, cfg any) (Carried, Subscription, error)
	// Open makes the adapter. It must not need the far end to be there.
	Open func(cfg any, env *Env) (Adapter, error)
}

// Expected is an answer that an operation may get. Others are errors.
type Expected struct {
	Status string // "200", "2xx"
	Schema []byte // JSON Schema of the body, as the far end's own description has it; nil: nothing is known
}

// FieldFault is a fault of one field of a config.
type FieldFault struct{ Path, Message, Help string }

// Env is what the hub gives to an adapter.
type Env struct {
	Name  string // the adapter's name in the configuration
	Hub   string // the hub's
	Dir   string // folder of the configuration file: relative paths start there
	Log   *slog.Logger
	Clock Clock
	// Refuser keeps what the adapter did not take and no source of it brought,
	// such as a request that fits no route; nil: nobody does. See Refused.
	Refuser Refuser
	// Ready tells why the hub can take nothing from outside now; nil: it can. A nil Ready: it always can.
	Ready func() error
	// Read reads a file that belongs to the configuration: its version changes with the file. nil: os.ReadFile will do.
	Read func(path string) ([]byte, error)
}

// Refused keeps r, which no source of the adapter brought.
func (e *Env) Refused(r Refusal) {
	if e.Refuser != nil {
		e.Refuser.Refused(r)
	}
}

// ReadFile reads a file that belongs to the configuration.
func (e *Env) ReadFile(p string) ([]byte, error) {
	if e.Read != nil {
		return e.Read(e.Path(p))
	}
	return os.ReadFile(e.Path(p))
}

// Path makes a path of the configuration absolute.
func (e *Env) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.Dir, p)
}

// Adapter is an opened component. What it can do beside closing is told by the
// Openers that it implements.
type Adapter interface {
	// Close ends it after its sources have returned and its targets are closed.
	Close(ctx context.Context) error
}

// Prober is an Adapter that can tell soon whether its far end is there, without
// doing anything there. The hub asks it again and again while the adapter fails,
// and tries the messages that wait for it as soon as it says nil. After that the
// adapter tries too, whatever pause it had made, such as that of a circuit breaker.
type Prober interface {
	Probe(ctx context.Context) error
}

// SourceOpener is an Adapter that brings messages. arg is the text behind the
// adapter's name in `from:` ("POST /orders"), cfg what Component.Source made.
type SourceOpener interface {
	OpenSource(arg string, cfg any) (Source, error)
}

// Describer is a Source that tells its partners what it takes, such as a route
// of a served OpenAPI document. Describe is called once, before it runs.
type Describer interface{ Describe(d Description) }

// Description is what the configuration knows of a source's messages.
type Description struct {
	Pipeline string
	Schema   []byte   // JSON Schema of the body with every $ref resolved within it; nil: any body
	Statuses []int    // of the replies that the pipeline's `reply` steps give; 0 stands for one that a formula makes
	Behind   bool     // work goes on behind the reply
	Headers  []string // of the message that the pipeline's formulas name
}

// TargetOpener is an Adapter that takes messages. arg is the text behind the
// adapter's name in `send:`.
type TargetOpener interface {
	OpenTarget(arg string) (Target, error)
}

// CallerOpener is an Adapter that answers calls.
type CallerOpener interface {
	OpenCaller(op string) (Caller, error)
}

// Starter is an Adapter that must begin after all its sources are opened, such
// as a server: Start returns when it can be reached, addr tells where.
type Starter interface {
	Start(ctx context.Context) (addr string, err error)
}

// Carrier is an Adapter of a broker that can carry channels of the hub (`via:`).
// A carried message keeps its ID, Key, Correlation, Expires, headers and body, and
// messages of one key stay in order. Targets and sources make what they need
// (exchanges, queues, topics) at the broker, and that nothing a reader was
// promised is lost when a target is first.
type Carrier interface {
	CarryTarget(c Carried) (Target, error)
	// CarrySource reads as one subscription: hubs of the same name share its messages.
	CarrySource(c Carried, s Subscription) (Source, error)
	// CarryCaller asks whoever reads the direct channel (EIP Request-Reply). The
	// first reply counts; a request expires with ctx.
	CarryCaller(c Carried) (Caller, error)
}

// Carried is a channel as its broker sees it.
type Carried struct {
	Name string
	Type string // direct, topic, fanout, headers
}

// Subscription is a reader of a carried channel.
type Subscription struct {
	Hub      string  // name of the hub, as in its configuration
	Pipeline string  // the reader: on all but direct channels each has every message that it wants (EIP Durable Subscriber)
	Pattern  string  // topic channel: of the routing key, as in AMQP 0-9-1
	Match    Headers // headers channel: all of them
	Lanes    int     // messages handled at once; 0: DefaultLanes
	// Key is the ordering key of a message that came without one, from a client
	// that is no hub; nil: it has none.
	Key func(m *Message) string
}

// Inspector is an Adapter that can compare what it is told to use with what is
// at the far end, changing nothing: `hub validate --connect` asks it after all
// sources, targets and callers are opened. Each finding is one line that says
// what differs and what to do, or, where it begins with Unasked, what the far end
// can't be asked, which is no fault; err: the far end can't be asked at all.
type Inspector interface {
	Inspect(ctx context.Context) (findings []string, err error)
}

// Unasked begins the findings of an Inspector that are no faults.
const Unasked = "not asked: "

// Secret is a text that is never printed, and never empty: one that is written down but has no value is an error.
type Secret string

// UnmarshalText refuses an empty secret, and an address whose user has an empty password: whoever sends nothing would know it.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("the secret is empty")
	}
	if u, err := url.Parse(string(text)); err == nil && u.User != nil {
		if password, set := u.User.Password(); set && password == "" {
			return errors.New("the password in the address is empty")
		}
	}
	*s = Secret(text)
	return nil
}

// String hides it; so do the JSON and slog forms.
func (Secret) String() string               { return "[redacted]" }
func (Secret) GoString() string             { return "[redacted]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue("[redacted]") }

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }
