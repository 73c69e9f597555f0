package scenario

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// verb reads what an item does. beside are the keys that it understands beside its own.
type verb struct {
	name   string
	beside []string
	read   func(rd *reader, i *item, n *yamlfile.Node) act
}

func verbs() []verb {
	input := []string{"body", "headers", "params", "query"}
	return []verb{
		{"post", input, (*reader).input},
		{"give", input, (*reader).input},
		{"send", []string{"with"}, (*reader).send},
		{"advance", nil, (*reader).advance},
		{"at", nil, (*reader).at},
		{"signal", nil, (*reader).signal},
		{"answer", nil, (*reader).answer},
		{"fail", nil, (*reader).fail},
		{"mock", nil, (*reader).mock},
		{"restart", nil, (*reader).restart},
	}
}

// item reads an entry of `do:`.
func (rd *reader) item(n *yamlfile.Node) *item {
	i := &item{line: n.LineCol()}
	var names []string
	var found *verb
	for _, v := range verbs() {
		names = append(names, v.name)
		key := n.KeyNode(v.name)
		switch {
		case key == nil:
		case found != nil:
			key.Errorf("E410", "make it an entry of its own", "an entry does one thing, and this one has `%s` already", found.name)
		default:
			found = &v
		}
	}
	if n.Kind() != yamlfile.Map || found == nil && n.Get("expect") == nil {
		n.Errorf("E411", "write one of "+strings.Join(names, ", ")+", and expect: {…}", "nothing happens here")
		return i
	}
	allowed := append(names, "expect")
	if found != nil {
		allowed = append(allowed, found.beside...)
		i.line = n.KeyNode(found.name).LineCol()
		i.act = found.read(rd, i, n)
	}
	n.Allow("step", allowed...)
	i.checks = rd.checks(n.Get("expect"), i)
	return i
}

// input is `post:` and `give:`: a message that comes from a pipeline's source.
func (rd *reader) input(i *item, n *yamlfile.Node) act {
	name := cmp.Or(n.Get("post"), n.Get("give"))
	pipeline := name.Str()
	if !rd.known(name, pipeline, "pipelines", "pipeline") {
		return nil
	}
	if rd.source(pipeline) == "call" {
		name.Errorf("E412", "bring a message to a pipeline that calls it", "the pipeline %s is for calls: nothing comes to it from outside", pipeline)
	}
	rd.about(pipeline)
	i.reply = &reply{}
	in := &input{pipeline: pipeline, body: rd.body(n.Get("body")), headers: rd.texts(n.Get("headers")),
		params: rd.texts(n.Get("params")), query: rd.texts(n.Get("query"))}
	return func(ctx context.Context, r *run) error { return r.input(ctx, in, i.reply) }
}

// body is the content of a file, or the value that is written.
func (rd *reader) body(n *yamlfile.Node) *value {
	if n.Kind() != yamlfile.Scalar || n.IsFormula() {
		return rd.value(n)
	}
	raw, err := os.ReadFile(rd.path(n.Str()))
	if err != nil {
		n.Warnf("W413", "give a file relative to the configuration's folder, or write the body itself: {order_id: W-1}", "cannot read %s", n.Str())
		return &value{line: n.LineCol(), missing: "cannot read " + n.Str()} // a hub in production has no samples, and runs all the same
	}
	v, err := doc.Parse(raw)
	if err != nil {
		v = doc.StringValue(string(raw))
	}
	return &value{line: n.LineCol(), literal: v, kind: yamlfile.Scalar}
}

// path is a file relative to the folder of the configuration.
func (rd *reader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	file, _, _ := rd.root.Pos()
	return filepath.Join(filepath.Dir(file), name)
}

// texts is a map of names and values.
func (rd *reader) texts(n *yamlfile.Node) (out []field) {
	n.Is(yamlfile.Map, "E414", "write {name: value}", "names and values are a map")
	for key, value := range n.Entries() {
		out = append(out, field{strings.ToLower(key.Raw()), rd.value(value)})
	}
	return out
}

// sendSettings are what `send:` says of a message for a channel.
type sendSettings struct {
	Channel string         `yaml:"channel" required:"true" doc:"where it is put"`
	Key     string         `yaml:"key" doc:"routing key on a topic, else the ordering key"`
	Headers *yamlfile.Node `yaml:"headers" doc:"its headers"`
	Body    *yamlfile.Node `yaml:"body" doc:"its body; with: beside send is the same"`
}

func (rd *reader) send(_ *item, n *yamlfile.Node) act {
	at := n.Get("send")
	s := sendSettings{}
	if at.Kind() == yamlfile.Scalar {
		s.Channel = at.Str()
	} else {
		at.Decode(&s, "send")
	}
	if s.Channel == "" || !rd.known(at, s.Channel, "channels", "channel") {
		return nil
	}
	if rd.channelType(s.Channel) == "topic" && s.Key == "" {
		at.Errorf("E415", "write send: {channel: "+s.Channel+", key: order.paid}", "%s is a topic: its messages need a routing key", s.Channel)
	}
	rd.about(s.Channel)
	body := cmp.Or(n.Get("with"), s.Body)
	m := &sending{channel: s.Channel, key: s.Key, headers: rd.texts(s.Headers), body: rd.body(body)}
	m.keyed = pipelines.Formula(rd.root.Get("channels").Get(s.Channel).Get("key"), rd.scope)
	return func(ctx context.Context, r *run) error { return r.send(ctx, m) }
}

func (rd *reader) advance(_ *item, n *yamlfile.Node) act {
	d, _ := n.Get("advance").Duration()
	return func(ctx context.Context, r *run) error { return r.until(ctx, r.clock.Now().Add(d)) }
}

func (rd *reader) at(_ *item, n *yamlfile.Node) act {
	to := rd.time(n.Get("at"))
	return func(ctx context.Context, r *run) error { return r.until(ctx, to) }
}

func (rd *reader) restart(_ *item, n *yamlfile.Node) act {
	at := n.Get("restart")
	if yes, ok := at.Bool(); ok && !yes {
		at.Errorf("E416", "write restart: true, or leave it out", "restart: false does nothing")
	}
	return func(ctx context.Context, r *run) error { return r.restart(ctx) }
}

// mock changes answers on the way.
func (rd *reader) mock(_ *item, n *yamlfile.Node) act {
	mocks := rd.mocks(n.Get("mock"))
	return func(ctx context.Context, r *run) error { r.world.mock(mocks); return nil }
}
