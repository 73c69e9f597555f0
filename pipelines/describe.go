package pipelines

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
)

// describe finds what partners may know of the messages that come to pipeline p from
// its source. A schema that can't be told in one document is left out.
func (l *loading) describe(root *yamlfile.Node, p *Pipeline) hub.Description {
	d := hub.Description{Pipeline: p.Name}
	if file := root.Get("schemas").Get(p.From.node.Get("schema").Str()); file != nil {
		if src, err := schema.Bundle(l.path(file.Str())); err == nil {
			d.Schema = src
		}
	}
	certain, gated := false, false
	items := root.Get("pipelines").Get(p.Name).Get("steps").Items()
	for i, item := range items {
		for pattern, step := range l.reg.Steps([]*yamlfile.Node{item}) {
			if pattern.Replies != nil {
				d.Statuses = append(d.Statuses, pattern.Replies(step)...)
			}
		}
		if pattern := l.reg.of(item); pattern.Replies != nil {
			certain = !gated && item.Get("when") == nil
			d.Behind = i+1 < len(items)
			break
		}
		gated = gated || l.reg.passes(item) == PassesFewer
	}
	if len(d.Statuses) > 0 && !certain {
		d.Statuses = append(d.Statuses, http.StatusAccepted) // some messages get no reply: they are taken, and that is all
	}
	slices.Sort(d.Statuses)
	d.Statuses = slices.Compact(d.Statuses)
	d.Headers = headersRead(root.Get("pipelines").Get(p.Name), nil)
	return d
}

// headerRead is how formulas name a header of the message.
var headerRead = regexp.MustCompile(`\bheaders\s*(?:\??\.)?(?:\[\s*["']([^"'\]]+)["']\s*\]|([A-Za-z_]\w*))`)

// headersRead adds the headers that the formulas below n name to known.
func headersRead(n *yamlfile.Node, known []string) []string {
	if n.Kind() == yamlfile.Scalar {
		for _, m := range headerRead.FindAllStringSubmatch(n.Raw(), -1) {
			known = append(known, strings.ToLower(m[1]+m[2]))
		}
	}
	for _, value := range n.Entries() {
		known = headersRead(value, known)
	}
	for _, item := range n.Items() {
		known = headersRead(item, known)
	}
	slices.Sort(known)
	return slices.Compact(known)
}
