package pipelines

import (
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// readAdapters decodes the entries of `adapters:` into their components' configs.
func (l *loading) readAdapters(n *yamlfile.Node) {
	for key, value := range n.Entries() {
		name := key.Raw()
		CheckName(key, name, "adapter")
		c := l.typeOf(key, value)
		if c == nil {
			l.broken[name] = true
			continue
		}
		cfg := c.Config()
		says, wires := map[string]contract{}, map[string]wire{}
		if c.Ops != nil {
			says, wires = contracts(value.Get("ops")), l.wires(value.Get("ops"))
		}
		value.Decode(cfg, c.Name, "type")
		a := &Adapter{Name: name, Type: c, Line: key.Line(), cfg: cfg, node: value, contracts: says, wires: wires, answers: map[string]*answers{},
			absent: c.Place != nil && l.reg.Absent != nil && l.reg.Absent(name)}
		if c.Check != nil {
			for _, f := range c.Check(cfg, l.env(a)) {
				l.fault(value, f)
			}
		}
		for _, op := range sortedKeys(says) {
			l.answersOf(a, op)
		}
		l.Adapters = append(l.Adapters, a)
	}
}

// typeOf finds the component that the entry of `adapters:` names; nil when it names none, which is reported.
func (l *loading) typeOf(key, value *yamlfile.Node) *hub.Component {
	t := value.Get("type")
	switch {
	case value.Kind() == yamlfile.Scalar:
		value.Errorf("E216", "write "+key.Raw()+": {type: "+value.Raw()+"}", "an adapter is a map with a type, this is %q", value.Raw())
		return nil
	case t == nil:
		key.Errorf("E216", "add type: "+strings.Join(l.componentNames(), " | "), "the adapter %s has no type", key.Raw())
		return nil
	}
	c := l.reg.Component(t.Str())
	switch {
	case c != nil:
	case l.reg.Later["type: "+t.Str()]:
		t.Errorf("E210", "write one of "+strings.Join(l.componentNames(), ", "), "the adapter type `%s` is not yet available", t.Str())
	default:
		t.Errorf("E217", didYouMean(t.Str(), l.componentNames()), "unknown adapter type %q", t.Str())
	}
	return c
}

func (l *loading) env(a *Adapter) *hub.Env {
	return &hub.Env{Name: a.Name, Hub: l.Name, Dir: l.Dir, Read: func(path string) ([]byte, error) {
		src, err := os.ReadFile(path)
		if err == nil {
			l.loader.Attach(path, src)
		}
		return src, err
	}}
}

// fault reports a component's own finding at the field it names.
func (l *loading) fault(n *yamlfile.Node, f hub.FieldFault) {
	at := n
	for part := range strings.SplitSeq(f.Path, ".") {
		if next := at.Get(part); next != nil {
			at = next
		}
	}
	at.Errorf("E218", f.Help, "%s", f.Message)
}

func (l *loading) componentNames() []string {
	return Names(l.reg.Components, func(c hub.Component) string { return c.Name })
}

// CheckName keeps names usable in formulas' calls (`adapter.op`), queues and file names. It reports one that is not, at n.
func CheckName(n *yamlfile.Node, name, kind string) bool {
	for _, r := range name {
		if !(r == '-' || r == '_' || r == '.' && kind != "adapter" || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			n.Errorf("E219", "use letters, digits, - and _", "%q can't be the name of a %s", name, kind)
			return false
		}
	}
	return true
}

// channelSettings is an entry of `channels:`.
type channelSettings struct {
	Type   string         `yaml:"type" required:"true" oneof:"direct|topic|fanout|headers" doc:"who gets a message: one reader, those whose pattern matches its routing key, all, those whose headers match"`
	Schema *yamlfile.Node `yaml:"schema" doc:"what its messages look like (Datatype Channel)"`
	Format *yamlfile.Node `yaml:"format" doc:"of its messages at the broker that carries it; left out: JSON, or what they came in"`
	Reply  *yamlfile.Node `yaml:"reply" doc:"what a call of it is answered: a schema (direct channels)"`
	Key    *yamlfile.Node `yaml:"key" doc:"formula: messages of one key are handled in order"`
	Keep   time.Duration  `yaml:"keep" doc:"messages older than this expire"`
	Via    *yamlfile.Node `yaml:"via" doc:"broker that carries it"`
	Limit  *channelLimit  `yaml:"limit" doc:"beyond it, what comes from outside is refused with the time to wait: 503 and Retry-After over HTTP; brokers keep theirs"`
}

// channelLimit bounds what waits in a channel for a reader.
type channelLimit struct {
	Messages int           `yaml:"messages" min:"1" doc:"that wait for whatever (default 2,000,000)"`
	Bytes    int64         `yaml:"bytes" unit:"bytes" min:"1" doc:"of their bodies, at the mean size of what came since the start (default: as many as leave the disk its reserve)"`
	Wait     time.Duration `yaml:"wait" min:"1s" doc:"how long a new message would wait for its first run, at the pace of the last minute (default 24h)"`
}

func (l *loading) readChannels(n *yamlfile.Node) {
	for key, value := range n.Entries() {
		CheckName(key, key.Raw(), "channel")
		c := l.channelOf(key, value)
		if a := l.Adapter(c.Name); a != nil {
			key.Errorf("E222", "rename one of them", "%s is a channel and an adapter (%s)", c.Name, a.Line)
			l.broken[c.Name] = true
		}
		if !l.broken[c.Name] {
			l.Channels = append(l.Channels, c)
		}
	}
}

// channelOf reads one entry of `channels:`.
func (l *loading) channelOf(key, value *yamlfile.Node) *Channel {
	var s channelSettings
	value.Decode(&s, "channel")
	c := &Channel{Name: key.Raw(), Type: s.Type, Line: key.Line(), Keep: s.Keep, schema: l.schemaOf(s.Schema), format: l.formatOf(s.Format)}
	if s.Limit != nil {
		c.bound = engine.Bound{Messages: s.Limit.Messages, Bytes: s.Limit.Bytes, Wait: s.Limit.Wait}
		if s.Via != nil {
			value.Get("limit").Errorf("E271", "limit the queue at the broker", "the messages of a channel with `via` lie at the broker")
		}
	}
	if !slices.Contains([]string{"direct", "topic", "fanout", "headers"}, c.Type) {
		l.broken[c.Name] = true
	} else if s.Via != nil {
		c.Via = l.via(c, s.Via)
	}
	if s.Reply != nil {
		c.answers = l.replyOf(c, s.Reply)
	}
	if s.Key != nil {
		l.keyOf(c, s.Key)
	}
	return c
}

// keyOf compiles the key of a channel.
func (l *loading) keyOf(c *Channel, n *yamlfile.Node) {
	scope := l.scope.WithBody(c.shape())
	if c.key = l.build(nil, n, scope).Expr(n, scope); c.key != nil {
		if t := c.key.Type(); t.Kind == shape.Object || t.Kind == shape.Array {
			n.Errorf("E302", "name a field of it: "+c.key.Source()+".…", "a key is a text or a number, this is %s", t.Describe())
		}
	}
}

// replyOf is what whoever reads a direct channel answers.
func (l *loading) replyOf(c *Channel, n *yamlfile.Node) *answers {
	if c.Type != "direct" {
		n.Errorf("E246", "make it a direct channel, or remove it", "`reply` is of calls, and a %s channel is not called", c.Type)
		return nil
	}
	return &answers{by: []answer{l.answer("", n)}}
}
