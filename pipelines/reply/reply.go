// Package reply answers whoever waits, and ends the synchronous part of a
// pipeline: what was done so far is made durable, then the answer is given,
// and the steps behind run from the store. It is the 1-click order's
// acknowledgement.
package reply

import (
	"context"
	"net/http"
	"strconv"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `reply`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "reply", Modifiers: []string{"headers"}, Compile: compile,
		Passes: pipelines.PassesAll.Always, Replies: statuses}
}

// statuses are those that a reply may have; 0 for one that a formula gives.
func statuses(step *yamlfile.Node) []int {
	n := step.Get("reply")
	if n.Kind() == yamlfile.Map {
		body := n.Get("body")
		if n = n.Get("status"); n == nil {
			if body.IsFormula() {
				return []int{http.StatusOK, http.StatusNotFound} // there is no such thing
			}
			return []int{http.StatusOK}
		}
	}
	if n.IsFormula() {
		return []int{0}
	}
	code, _ := strconv.Atoi(n.Str()) // checked when it is compiled
	return []int{code}
}

type replier struct {
	status  *pipelines.Value
	body    *pipelines.Value
	whole   bool // the body is =body: bytes that are no document go out as they are
	page    *page
	headers pipelines.HeaderValues
	written func(m *hub.Message, set bool) error // in its format
}

func compile(b *pipelines.Build) hub.Step {
	r := &replier{}
	if b.Background() {
		b.Step.Errorf("E267", "one reply a pipeline; send the news to a channel, or a mail", "nobody waits for this reply: it stands behind another one, behind a delay, or in the errors of one step, not of the pipeline")
		return nil
	}
	if !b.Answers() {
		b.Step.Errorf("E267", "remove it, or read from: an http-server, or call", "nobody waits for this reply: %s brings messages without waiting", b.Source())
		return nil
	}
	switch n := b.Node; n.Kind() {
	case yamlfile.Scalar:
		r.status = status(b, n)
	case yamlfile.Map:
		n.Allow("reply", "status", "body", "page", "format")
		if s := n.Get("status"); s != nil {
			r.status = status(b, s)
		}
		if body := n.Get("body"); body != nil {
			r.body = b.Value(body, b.Flow.Scope, b.Replied())
			r.whole = body.Raw() == "=body"
		}
		if p := n.Get("page"); p != nil {
			if n.Get("body") == nil {
				p.Errorf("E268", "add body: =body, or what else the page shows", "a page shows the reply's body, and this reply has none")
			} else {
				r.page = readPage(b, p)
			}
		}
	default:
		n.Errorf("E267", "write reply: 202, or reply: {status: 200, body: =body}", "a reply is a status, or a map with status and body")
		return nil
	}
	r.headers, r.written = b.Headers(), b.Written(b.Node.Get("format"))
	if b.Node.Get("body") != nil {
		b.Gives(r.body.Type())
	} else {
		b.Gives(shape.NullType)
	}
	return b.Does("replied", r.reply)
}

// status compiles an HTTP status code, or a formula that gives one.
func status(b *pipelines.Build, n *yamlfile.Node) *pipelines.Value {
	if !n.Is(yamlfile.Scalar, "E267", "write status: 202", "a status is one number") {
		return nil
	}
	if !n.IsFormula() && !isStatus(n.Str()) {
		n.Errorf("E267", "write reply: 202", "%q is no HTTP status code", n.Str())
		return nil
	}
	return b.Value(n, b.Flow.Scope, nil)
}

// reply sets the unit's reply; it is given once the unit is durable.
func (r *replier) reply(_ context.Context, x *hub.Exchange) (status string, err error) {
	fr := formula.NewFrame(x)
	m := &hub.Message{ID: hub.DeriveID(x.Msg.ID, "reply"), Time: x.Now(), Correlation: x.Msg.Correlation}
	h := hub.Headers{hub.HeaderStatus: "200"}
	if r.status != nil {
		v, err := r.status.Apply(fr)
		if err != nil {
			return "", err
		}
		if !isStatus(v.Text()) {
			return "", hub.Fail(hub.Invalid, "status", "the reply's status is %s, and not 200 to 599", v.String())
		}
		h[hub.HeaderStatus] = v.Text()
	}
	if err := r.fill(m, h, fr); err != nil {
		return "", err
	}
	if m.Headers, err = r.headers.Apply(fr, h); err != nil {
		return "", err
	}
	if err := r.written(m, r.headers[hub.HeaderContentType] != nil); err != nil {
		return "", err
	}
	x.Unit.Reply = m
	return h[hub.HeaderStatus], nil
}

// fill gives the reply m its body, and h what follows from it: a content type, and 404 where the body is null and no status is given.
func (r *replier) fill(m *hub.Message, h hub.Headers, fr *formula.Frame) error {
	asked := fr.X.Msg
	if r.whole && !asked.Body.IsDocument() && asked.Body.Format() != nil { // its bytes, as they came
		m.Body, h[hub.HeaderContentType] = asked.Body, asked.Headers.Get(hub.HeaderContentType)
		for _, name := range []string{hub.HeaderFormat, hub.HeaderEncoding} {
			if v := asked.Headers.Get(name); v != "" {
				h[name] = v
			}
		}
		return nil
	}
	if r.body == nil {
		return nil
	}
	v, err := r.body.Apply(fr)
	if err != nil {
		return err
	}
	if v.IsNull() && r.status == nil {
		h[hub.HeaderStatus] = "404"
	}
	m.Body = hub.DocumentBody(v)
	if r.page != nil && hub.PrefersHTML(asked.Headers.Get("accept")) {
		html, err := r.page.render(v, asked, fr.X.Now(), h)
		if err != nil {
			return err
		}
		m.Body = hub.NewBody(html)
	}
	return nil
}

// isStatus tells that a text is an HTTP status code that a reply may have.
func isStatus(text string) bool {
	code, err := strconv.Atoi(text)
	return err == nil && code >= 200 && code <= 599
}
