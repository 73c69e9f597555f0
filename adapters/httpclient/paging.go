package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Paging is how a list is read that comes in pages. The answer is {items, next}: next is null behind the last page, and
// a call that has it as its field `next` goes on there.
type Paging struct {
	By    string `yaml:"by" required:"true" oneof:"link|url|cursor|page|offset" doc:"What names the next page. link: the header Link with rel=next. url, cursor: an address, or a text, of the answer. page, offset: a number that the hub counts."`
	Items string `yaml:"items" doc:"Path of the list in the answer, such as data.orders; left out: the answer is the list."`
	Next  string `yaml:"next" doc:"Path of the address or the cursor in the answer; of links with rel and href, the one that is next."`
	Last  string `yaml:"last" doc:"Field of the last item that is the cursor, such as id."`
	More  string `yaml:"more" doc:"Path of a field that is true in all answers but the last."`
	Param string `yaml:"param" doc:"Field of the request that takes the cursor, page or offset."`
	First int    `yaml:"first" doc:"Number of the first page or offset; left out: 1 for page, 0 for offset."`
	Size  int    `yaml:"size" min:"1" doc:"Items of a full page: a page with fewer is the last. Left out: an empty one is."`
	Pages int    `yaml:"pages" min:"1" max:"1000" default:"1" doc:"Pages that one call reads."`
}

// check finds what does not go together.
func (p *Paging) check(o *op) error {
	if p == nil {
		return nil
	}
	named := p.By == "link" || p.By == "url"
	switch {

	case named && p.Param != "":
		return fmt.Errorf("paging: by: %s takes the whole address of the next page, and no param", p.By)
	case !named && p.Param == "":
		return fmt.Errorf("paging: by: %s needs param, the field of the request that takes it", p.By)
	case p.By == "url" && p.Next == "", p.By == "cursor" && (p.Next == "") == (p.Last == ""):
		return errors.New("paging: say where the answer has it: next, a path, or for a cursor last, a field of the last item")
	case o.method == "HEAD":
		return errors.New("paging: the answers of HEAD have no body")
	}
	return nil
}

// pageField is the field of a call and of its answer that names the page to go on with.
const pageField = "next"

// pages asks for one page after another and answers with their items.
func (c *Operation) pages(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	p := c.op.paging
	m, next := p.begin(m)
	var items, read []doc.Value
	for n := 1; ; n++ {
		asked, at, err := c.page(m, next)
		if err != nil {
			return nil, err
		}
		reply, from, err := c.once(ctx, asked, at)
		if err != nil {
			return nil, err
		}
		got, after, err := p.read(reply, next)
		if err == nil && after.Kind() == doc.String && (p.By == "link" || p.By == "url") {
			after, err = c.resolve(from, after.Str())
		}
		read = append(read, next)
		if err == nil && !after.IsNull() && slices.ContainsFunc(read, func(page doc.Value) bool { return doc.Equal(page, after) }) {
			err = hub.Fail(hub.Rejected, hub.BadResponse, "page %d names one as the next that was read before", n)
		}
		if err != nil {
			return nil, err
		}
		items = append(items, got...)
		if next = after; next.IsNull() || n >= p.Pages {
			body := doc.ObjectOf([]doc.Field{{Name: "items", Value: doc.ListOf(items)}, {Name: pageField, Value: next}})
			out := *reply
			out.Headers = reply.Headers.With(hub.HeaderContentType, typeJSON, hub.HeaderEncoding, "")
			out.Body = hub.DocumentBody(body)
			return &out, nil
		}
	}
}

// begin takes the page to go on with out of a call; null: it begins with the first.
func (p *Paging) begin(m *hub.Message) (*hub.Message, doc.Value) {
	next := doc.NullValue()
	if d, err := m.Body.Doc(); err == nil && d.Kind() == doc.Object && d.Get(pageField).Kind() != doc.Missing {
		next = d.Get(pageField)
		c := *m
		c.Body = rest(m.Body, d, map[string]bool{pageField: true})
		m = &c
	}
	switch {
	case !next.IsNull():
	case p.By == "page":
		next = doc.IntValue(int64(max(p.First, 1)))
	case p.By == "offset":
		next = doc.IntValue(int64(p.First))
	}
	return m, next
}

// page is the request for a page: m with the param in it, or its address.
func (c *Operation) page(m *hub.Message, next doc.Value) (asked *hub.Message, at string, err error) {
	p := c.op.paging
	if next.IsNull() {
		return m, "", nil
	}
	text, ok := scalar(next)
	if !ok {
		return nil, "", hub.Fail(hub.Invalid, "bad_page", "the field %s of the call is no page: give what an answer had there", pageField)
	}
	asked = m.WithHeader(hub.HeaderIdempotency, joined(m.Headers.Get(hub.HeaderIdempotency), text))
	if p.Param == "" {
		to, err := c.resolve(c.client.base, text)
		if err != nil {
			return nil, "", hub.Fail(hub.Invalid, "bad_page", "the field %s of the call: %w", pageField, err)
		}
		return asked, to.Str(), nil
	}
	d, err := m.Body.Doc()
	if err != nil || d.Kind() != doc.Object {
		d = doc.ObjectOf(nil)
	}
	asked.Body = hub.DocumentBody(doc.Set(d, strings.Split(p.Param, "."), next)).In(m.Body.Format())
	return asked, "", nil
}

// joined is the key of a page; of a request without a key there is none.
func joined(key, page string) string {
	if key == "" {
		return ""
	}
	return key + "/" + page
}

// read takes the items and the next page out of an answer; null: there is none.
func (p *Paging) read(reply *hub.Message, now doc.Value) (items []doc.Value, next doc.Value, err error) {
	none := doc.NullValue()
	bad := func(format string, args ...any) ([]doc.Value, doc.Value, error) {
		return nil, none, hub.Fail(hub.Rejected, hub.BadResponse, format, args...)
	}
	v, err := reply.Body.Doc()
	if err != nil {
		return bad("pages are read from JSON, and this one is %s: %w", cmp.Or(reply.Headers.Get(hub.HeaderContentType), "of no type"), err)
	}
	list := v
	if p.Items != "" {
		list = lookup(v, p.Items)
	}
	if list.Kind() != doc.Array && !list.IsNull() {
		return bad("the page has no list at %q, but %s", p.Items, list.Kind())
	} else if list.Kind() == doc.Missing {
		return bad("the page has no list at %q", p.Items)
	}
	items = doc.Items(list)
	switch full := len(items) > 0 && len(items) >= p.Size; {
	case p.More != "" && !lookup(v, p.More).Bool():
		return items, none, nil
	case p.By == "link":
		return items, textOrNull(hub.Links(reply.Headers.Get("link"))["next"]), nil
	case p.Last != "" && len(items) > 0:
		if next = lookup(items[len(items)-1], p.Last); next.IsNull() {
			return bad("the last item has no %q, which names the next page", p.Last)
		}
		return items, next, nil
	case p.Next != "":
		return items, following(lookup(v, p.Next)), nil
	case full && p.By == "page":
		return items, doc.NumberValue(now.Num().Add(doc.Int(1))), nil
	case full && p.By == "offset":
		return items, doc.NumberValue(now.Num().Add(doc.Int(int64(len(items))))), nil
	}
	return items, none, nil
}

func lookup(v doc.Value, path string) doc.Value { return doc.Lookup(v, strings.Split(path, ".")) }

// following is the address or cursor that a field of the answer says; null: it says that there is none.
func following(v doc.Value) doc.Value {
	for _, link := range v.Elems() {
		if link.Get("rel").Str() == "next" {
			v = link.Get("href")
			break
		}
	}
	if v.Kind() == doc.Number {
		return v
	}
	return textOrNull(v.Str())
}

func textOrNull(text string) doc.Value {
	if text == "" {
		return doc.NullValue()
	}
	return doc.StringValue(text)
}

// resolve is the address of a page as a page at from names it. Another service than ours gets no request, since it would get our login.
func (c *Operation) resolve(from, text string) (doc.Value, error) {
	base, err := url.Parse(from)
	if err != nil {
		return doc.Value{}, err
	}
	own, err := url.Parse(c.client.base)
	if err != nil {
		return doc.Value{}, err
	}
	u, err := base.Parse(text)
	if err != nil || u.User != nil || u.Scheme != own.Scheme || u.Host != own.Host {
		return doc.Value{}, hub.Fail(hub.Rejected, hub.BadResponse, "the next page is at another service than %s", own.Host)
	}
	u.Fragment = ""
	return doc.StringValue(u.String()), nil
}
