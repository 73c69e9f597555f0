package pipelines

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
)

// Describe is what partners may know of the messages that come to pipeline l
// from its source. A schema that can't be told in one document is left out.
func (p *Plan) Describe(l *Pipeline) hub.Description {
	root := l.From.node.Root()
	d := hub.Description{Pipeline: l.Name}
	if file := root.Get("schemas").Get(l.From.node.Get("schema").Str()); file != nil {
		if src, err := schema.Bundle((&hub.Env{Dir: p.Dir}).Path(file.Str())); err == nil {
			d.Schema = src
		}
	}
	certain, gated := false, false
	items := root.Get("pipelines").Get(l.Name).Get("steps").Items()
	for i, item := range items {
		d.Statuses = append(d.Statuses, replies(item)...)
		if item.Get("reply") != nil {
			certain = !gated && item.Get("when") == nil
			d.Behind = i+1 < len(items)
			break
		}
		gated = gated || mayEnd(item)
	}
	if len(d.Statuses) > 0 && !certain {
		d.Statuses = append(d.Statuses, http.StatusAccepted) // some messages get no reply: they are taken, and that is all
	}
	slices.Sort(d.Statuses)
	d.Statuses = slices.Compact(d.Statuses)
	d.Headers = headersRead(root.Get("pipelines").Get(l.Name), nil)
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

// replies are the statuses that a step gives; 0 for one that a formula makes.
func replies(step *yamlfile.Node) (out []int) {
	if n := step.Get("reply"); n != nil {
		return statuses(n)
	}
	for _, branch := range step.Get("route").Items() {
		out = append(out, replies(branch)...)
		for _, inner := range branch.Get("steps").Items() {
			out = append(out, replies(inner)...)
		}
	}
	for _, inner := range step.Get("split").Get("steps").Items() {
		out = append(out, replies(inner)...)
	}
	return out
}

func statuses(reply *yamlfile.Node) []int {
	n := reply
	if reply.Kind() == yamlfile.Map {
		if n = reply.Get("status"); n == nil {
			if reply.Get("body").IsFormula() {
				return []int{http.StatusOK, http.StatusNotFound} // there is no such thing
			}
			return []int{http.StatusOK}
		}
	}
	if n.IsFormula() {
		return []int{0}
	}
	code, _ := strconv.Atoi(n.Str()) // checked when it was compiled
	return []int{code}
}

// mayEnd tells whether some messages don't go on behind a step.
func mayEnd(step *yamlfile.Node) bool {
	for _, k := range step.Keys() {
		if slices.Contains(passing, k) {
			return false
		}
	}
	d := step.Get("idempotent").Get("duplicate")
	return d == nil || d.Str() != "same_reply" && d.Str() != "fail"
}
