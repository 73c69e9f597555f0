package pipelines

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
	"orderhub/transforms/units"
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
			link, err := p.link(fr.X, args[0].Str(), valid)
			return doc.StringValue(link), err
		},
	}
}

func (p *Plan) link(x *hub.Exchange, path string, valid time.Duration) (string, error) {
	routes := p.linkRoutes()
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

// linkRoutes are the pipelines that requests reach by signed links.
func (p *Plan) linkRoutes() (out []*Pipeline) {
	for _, l := range p.Pipelines {
		if l.From.signed {
			out = append(out, l)
		}
	}
	return out
}

var callsLink = regexp.MustCompile(`\blink\(`)

// lintLinks finds links that lead nowhere, and warns of those that a restart kills.
func (l *loading) lintLinks(root *yamlfile.Node) {
	routes := l.linkRoutes()
	if n := formulaLike(root, callsLink); n != nil && len(routes) == 0 {
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

// formulaLike is the first formula below n that has the pattern; nil: none has.
func formulaLike(n *yamlfile.Node, pattern *regexp.Regexp) *yamlfile.Node {
	if n.IsFormula() && pattern.MatchString(n.Raw()) {
		return n
	}
	for _, value := range n.Entries() {
		if found := formulaLike(value, pattern); found != nil {
			return found
		}
	}
	for _, item := range n.Items() {
		if found := formulaLike(item, pattern); found != nil {
			return found
		}
	}
	return nil
}
