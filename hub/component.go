package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"orderhub/hub/figures"
)

// Component is a Typed whatever its types: its fields are those of Typed, its configs pointers to structs.
type Component struct {
	Name                     string
	Config, Source, Send     func() any
	Answers, Replies, Finite bool
	Server                   bool // it has an address of its own once it is started
	Nowhere                  string
	Confine                  func(cfg any, url, dir string)
	Carries                  map[string]string
	Place                    func(arg string, options any) (Carried, Subscription, error)
	Check                    func(cfg any, env *Env) []FieldFault
	CheckSource              func(arg string, options any) []FieldFault
	CheckTarget              func(arg string) []FieldFault
	CheckCall                func(cfg any, op string, headers []string) []FieldFault
	CheckHeader              func(arg, name, value string) (help string, ignored bool)
	Doubt                    func(cfg any, arg string, options any) []FieldFault
	Ops                      func(cfg any) []string
	Takes                    func(cfg any, op string) string
	Expects                  func(cfg any, op string) []Expected
	Safe                     func(cfg any, op string) bool
	Open                     func(cfg any, env *Env) (*Adapter, error)
}

// Adapter is an opened component: the functions of Typed for the adapter that was opened. A nil function is something that it can't do.
type Adapter struct {
	Source      func(arg string, options any) (Source, error) // options are what Component.Source made; nil: the defaults
	Target      func(arg string) (Target, error)
	Caller      func(op string) (Caller, error)
	CarryTarget func(c Carried) (Target, error)
	CarrySource func(c Carried, s Subscription) (Source, error)
	CarryCaller func(c Carried) (Caller, error)
	Start       func(ctx context.Context) (addr string, err error)
	Link        func(path string, expires time.Time) (string, error)
	Probe       func(ctx context.Context) error
	Inspect     func(ctx context.Context) (findings []string, err error)
	Figures     func(ctx context.Context, to *figures.Set) error
	Close       func(ctx context.Context) error
}

// DefaultLanes bounds a stage's messages in flight. Most of a message's time
// is waiting for far ends and for the disk's flush, so lanes are many.
const DefaultLanes = 64

// Unasked begins the findings of Typed.Inspect that are no faults.
const Unasked = "not asked: "

// Expected is an answer that an operation may get. Others are errors.
type Expected struct {
	Status string // "200", "2xx"
	Schema []byte // JSON Schema of the body, as the far end's own description has it; nil: nothing is known
}

// FieldFault is a fault of one field of a config. Help is what to write instead.
type FieldFault struct{ Path, Message, Help string }

func (f FieldFault) Error() string { return f.Message + ": " + f.Help }

// FieldFaults gathers faults.
type FieldFaults []FieldFault

// Add adds a fault of the field at path.
func (f *FieldFaults) Add(path, help, format string, args ...any) {
	*f = append(*f, FieldFault{Path: path, Message: fmt.Sprintf(format, args...), Help: help})
}

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
	// Ends learns when the certificates of the adapter's connections end; it is told with its figures. nil: nobody asks.
	Ends *figures.Ends
	// Ready tells why the hub can take nothing from outside now; nil: it can. A nil Ready: it always can.
	Ready func() error
	// Read reads a file that belongs to the configuration: its version changes with the file. nil: os.ReadFile will do.
	Read func(path string) ([]byte, error)

	// Met is told what a far end showed of itself when the adapter met it; nil: nobody wants to know.
	Met func(Peer)

	Once    bool // a source that may end (Finite) takes what is there, and ends
	AnyPort bool // a server that asks for its default port takes the next free one when that is busy
}

// Peer is what a far end shows of itself. Zero fields: it did not.
type Peer struct {
	Ends  time.Time     // of its certificate: the earliest of the chain
	Ahead time.Duration // of its clock, before ours; a date in seconds tells it to a second
	Dated bool          // it told the time
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

// Describe tells a source that has a method Describe(Description) what the
// configuration knows of its messages, once, before it runs. Such a source tells
// its partners what it takes, as a route of a served OpenAPI document does.
func Describe(s Source, d Description) {
	if to, ok := s.(interface{ Describe(d Description) }); ok {
		to.Describe(d)
	}
}

// ProblemSchema is the name of the one schema that a source may add to those of its Description.
const ProblemSchema = "Problem"

// Description is what the configuration knows of a source's messages.
type Description struct {
	Pipeline string
	Schema   string            // of the body, by its name among Schemas; "": any body
	Statuses []int             // of the replies that the pipeline's `reply` steps give; 0 stands for one that a formula makes
	Behind   bool              // work goes on behind the reply
	Reply    string            // likewise, of the replies' bodies; "": nothing is known of them
	Schemas  map[string][]byte // JSON Schemas, as components of an OpenAPI document: their references lead to #/components/schemas/ and a name. No other source has these names
	Samples  map[string][]byte // of the body, as JSON, by name: they fit Schema
	Headers  []string          // of the message that the pipeline's formulas name
	Format   *Format           // of the messages' bytes; nil: as their content types say
	Types    []string          // the content types of that format, else those that a source takes without being asked: "text/csv", "+xml", "multipart/*"
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
