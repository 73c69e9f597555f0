package pipelines

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/units"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// linkFunc is the function of formulas link(path, validFor): the address of a
// route that takes signed links, with a token that is good for that time.
// Where far ends are played, as in tests, nobody signs: then it is the path.
func (p *Plan) linkFunc() formula.Func {
	return formula.Func{
		Params: []*shape.Type{shape.StringType, shape.StringType},
		Result: shape.StringType,
		Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
			valid, err := units.ParseDuration(args[1].Str())
			if err != nil {
				return doc.Value{}, fmt.Errorf("link: how long it is good: %w", err)
			}
			if fr.X == nil || fr.X.Env == nil {
				return doc.Value{}, errors.New("there is no server here: link() works in a running hub")
			}
			link, err := p.signedLink(fr.X, args[0].Str(), valid)
			return doc.StringValue(link), err
		},
	}
}

func (p *Plan) signedLink(x *hub.Exchange, path string, valid time.Duration) (string, error) {
	routes := p.signedRoutes()
	if len(routes) == 0 {
		return "", errors.New("no route takes signed links, as verify: {token: link} beside it says")
	}
	signers := 0
	for _, l := range routes {
		a := x.Env.Memory(l.From.Adapter, nil).(*hub.Adapter)
		if a.Link == nil {
			continue
		}
		signers++
		if link, err := a.Link(path, x.Now().Add(valid)); !errors.Is(err, hub.ErrNotFound) {
			return link, err
		}
	}
	if signers > 0 {
		return "", hub.Fail(hub.Invalid, "link", "no route takes signed links at %s", path)
	}
	return path, nil
}

// signedRoutes are the pipelines that requests reach by signed links.
func (p *Plan) signedRoutes() (out []*Pipeline) {
	for _, l := range p.Pipelines {
		if l.From.signed {
			out = append(out, l)
		}
	}
	return out
}

// lintLinks finds links that lead nowhere, and warns of those that a restart kills.
func (l *loading) lintLinks(root *yamlfile.Node) {
	routes := l.signedRoutes()
	if n := callOf("link", root); n != nil && len(routes) == 0 {
		n.Errorf("E309", "write verify: {token: link} beside the route in from:", "no route takes signed links")
	}
	told := map[*Adapter]bool{}
	for _, p := range routes {
		a := p.From.Adapter
		if a.node.Get("link_key") == nil && !told[a] {
			told[a] = true
			p.From.node.Get("verify").KeyNode("token").Warnf("W218", "add link_key: secret:links to the adapter "+a.Name,
				"links that were sent die at every restart: %s has no key for them", a.Name)
		}
	}
}

// callOf is the first formula below n that calls the function; nil: none does.
func callOf(function string, n *yamlfile.Node) *yamlfile.Node {
	for at := range n.All() {
		if at.IsFormula() && formula.ReadsOf(at.Raw()).Calls(function) {
			return at
		}
	}
	return nil
}

// describe finds what partners may know of the messages that come to pipeline p from
// its source. A schema that can't be told in one document is left out.
func (l *loading) describe(root *yamlfile.Node, p *Pipeline) hub.Description {
	d := hub.Description{Pipeline: p.Name, Format: p.From.format, Types: l.formats.taken(p.From.format), Schemas: map[string][]byte{}}
	if file := root.Get("schemas").Get(p.From.node.Get("schema").Str()); file != nil {
		name := l.component(p.Name)
		if parts, err := schema.Bundle(l.path(file.Str()), name, l.component); err == nil {
			d.Schema = name
			for name, part := range parts {
				d.Schemas[name] = part.JSON()
			}
		}
	}
	for _, reaction := range root.Get("pipelines").Get(p.Name).Get("errors").Entries() {
		d.Statuses = append(d.Statuses, l.statuses(reaction.Several()...)...)
	}
	certain, gated := false, false
	items := root.Get("pipelines").Get(p.Name).Get("steps").Items()
	for i, item := range items {
		d.Statuses = append(d.Statuses, l.statuses(item)...)
		if pattern := l.reg.Of(item); pattern.Replies != nil {
			certain = !gated && item.Get("when") == nil
			d.Behind = i+1 < len(items)
			break
		}
		gated = gated || l.reg.passes(item) == PassesFewer
	}
	if len(d.Statuses) > 0 && !certain {
		d.Statuses = append(d.Statuses, http.StatusAccepted) // some messages get no reply: they are taken, and that is all
	}
	if certain && !p.gives.IsAny() {
		d.Reply = l.component(p.Name + ".reply")
		d.Schemas[d.Reply] = p.gives.Schema().JSON()
	}
	slices.Sort(d.Statuses)
	d.Statuses = slices.Compact(d.Statuses)
	d.Samples = l.samples(p)
	d.Headers = headersRead(root.Get("pipelines").Get(p.Name))
	return d
}

// statuses are those of the replies among the steps, and inside of them.
func (l *loading) statuses(steps ...*yamlfile.Node) (out []int) {
	for pattern, step := range l.reg.Steps(steps) {
		if pattern.Replies != nil {
			out = append(out, pattern.Replies(step)...)
		}
	}
	return out
}

// component is name, or one like it, as the name of a schema, which no other gets then.
func (l *loading) component(name string) string {
	for name == hub.ProblemSchema || l.used["component "+name] {
		name += "_"
	}
	l.used["component "+name] = true
	return name
}

// samples are the bodies in samples/ beside the configuration, such as samples/orders.1-paid.json, that fit the schema of pipeline p.
func (l *loading) samples(p *Pipeline) map[string][]byte {
	out := map[string][]byte{}
	files, _ := filepath.Glob(l.path(filepath.Join("samples", p.Name+".*.json")))
	for _, file := range files {
		body, err := os.ReadFile(file)
		if v, bad := doc.Parse(body); err == nil && bad == nil && p.From.schema != nil && p.From.schema.Validate(v) == nil {
			out[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), p.Name+"."), ".json")] = body
		}
	}
	return out
}

// headersRead are the headers that the formulas below n name.
func headersRead(n *yamlfile.Node) (headers []string) {
	for at := range n.All() {
		if !strings.Contains(at.Raw(), "headers") {
			continue
		}
		for _, p := range formula.ReadsOf(at.Raw()).Paths {
			if p[0] == "headers" && len(p) == 2 {
				headers = append(headers, p[1])
			}
		}
	}
	slices.Sort(headers)
	return slices.Compact(headers)
}
