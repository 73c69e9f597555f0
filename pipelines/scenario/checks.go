package scenario

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
)

// argument is the name, in patterns, of the text behind an adapter's name: a template, a queue.
const argument = "template"

// wanted is how many messages are expected, or which.
type wanted struct {
	number   int  // -1: the patterns say which
	all      bool // one for each pattern, in this order; else one that fits
	patterns []*value
}

func (w *wanted) String() string {
	if w.number >= 0 {
		return plural(w.number, "message")
	}
	var parts []string
	for _, p := range w.patterns {
		parts = append(parts, p.pattern())
	}
	if w.all {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return strings.Join(parts, ", ")
}

// seen is a thing that patterns are held against.
type seen struct {
	value doc.Value
	frame *formula.Frame
}

// fits tells what is not as wanted; "" when all is.
func (w *wanted) fits(total int, fresh []seen) string {
	switch {
	case w.number >= 0 && total != w.number:
		return plural(total, "message")
	case w.number >= 0:
		return ""
	case w.all && len(fresh) != len(w.patterns):
		return fmt.Sprintf("%s: %s", plural(len(fresh), "message"), listed(fresh))
	case w.all:
		for i, p := range w.patterns {
			if bad := p.differs("it", fresh[i].value, fresh[i].frame); bad != "" {
				return fmt.Sprintf("in message %d, %s", i+1, bad)
			}
		}
		return ""
	}
	nearest := "0 messages"
	for _, s := range fresh {
		bad := w.patterns[0].differs("it", s.value, s.frame)
		if bad == "" {
			return ""
		}
		nearest = fmt.Sprintf("%s, and in the last one %s", plural(len(fresh), "message"), bad)
	}
	return nearest
}

func listed(all []seen) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, shown(s.value))
	}
	return strings.Join(parts, ", ")
}

// came holds what came onto a channel or to an adapter against what is wanted:
// a number counts from the begin of the test, patterns see what came since the last expectation of the name.
func (r *run) came(name string, w *wanted) *miss {
	total, fresh := 0, []seen(nil)
	for i, a := range r.arrivals {
		if a.where != name {
			continue
		}
		if total++; i >= r.marks[name] {
			fresh = append(fresh, seen{r.view(a), r.frame(a.msg)})
		}
	}
	bad := w.fits(total, fresh)
	if bad == "" {
		return nil
	}
	return &miss{name + "  " + w.String(), name + "  " + bad + r.instead(name), r.why(nil)}
}

// view is an arrival as patterns see it: the body of a message on a channel;
// of a target its template, its options and its data.
func (r *run) view(a arrival) doc.Value {
	if r.plan.Adapter(a.where) == nil {
		return document(a.msg)
	}
	fields := []doc.Field{{Name: argument, Value: doc.StringValue(a.arg)}}
	for name, v := range a.msg.Headers.Document("").Fields() {
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	return doc.ObjectOf(append(fields, doc.Field{Name: "data", Value: document(a.msg)}))
}

// nothingCame holds that nothing new came to the names.
func (r *run) nothingCame(names []string) *miss {
	for i, a := range r.arrivals {
		if i >= r.marks[a.where] && slices.Contains(names, a.where) {
			return &miss{a.where + "  no message", a.where + "  " + shown(r.view(a)), r.why(a.msg)}
		}
	}
	return nil
}

// called holds the effects that partners had.
func (r *run) called(want map[string]int) *miss {
	got := map[string]int{}
	for _, e := range r.effects {
		got[e.op]++
	}
	for _, op := range sortedKeys(want) {
		if got[op] != want[op] {
			return &miss{op + "  " + plural(want[op], "effect"), op + "  " + plural(got[op], "effect"), r.why(nil)}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// is notes what whoever posted was answered, as a server tells it.
func (r *reply) is(m *hub.Message, err error) {
	r.headers, r.body = nil, doc.Value{}
	switch {
	case errors.Is(err, hub.ErrDuplicate) || err == nil && m == nil:
		r.status = http.StatusAccepted
	case err != nil:
		e := hub.AsError(err)
		r.status = statusOf(e)
		r.body = doc.ObjectOf([]doc.Field{
			{Name: "class", Value: doc.StringValue(string(e.Class))},
			{Name: "code", Value: doc.StringValue(e.Reason)},
			{Name: "detail", Value: doc.StringValue(e.Error())},
		})
	default:
		r.status = http.StatusOK
		if code, err := strconv.Atoi(m.Headers[hub.HeaderStatus]); err == nil {
			r.status = code
		}
		r.headers, r.body = m.Headers, document(m)
	}
}

// statusOf is the HTTP status of an error: that of its class, but for faults of the request's form.
func statusOf(e *hub.Error) int {
	switch e.Reason {
	case "not_found":
		return http.StatusNotFound
	case "in_progress":
		return http.StatusConflict
	case doc.CodeBadJSON, doc.CodeTooDeep, doc.CodeDuplicateKey, doc.CodeBadUTF8, doc.CodeEmptyBody, "idempotency_key_missing":
		return http.StatusBadRequest
	}
	return e.Class.Status()
}

// replyIs compares a part of the reply.
func (r *run) replyIs(got *reply, what string, want *value) *miss {
	if got.status == 0 {
		return &miss{expected: "a reply", got: "none: nobody waits for one at this source"}
	}
	m := &hub.Message{Headers: got.headers}
	if got.body.Kind() != doc.Missing {
		m.Body = hub.DocumentBody(got.body)
	}
	var have doc.Value
	switch what {
	case "status":
		have = doc.IntValue(int64(got.status))
	case "body":
		have = got.body
	case "headers":
		have = hub.Headers(got.headers).Document("")
	}
	bad := want.differs(what, have, r.frame(m))
	if bad == "" {
		return nil
	}
	if what == "status" && got.status >= 400 {
		bad += ": " + got.body.Get("detail").Text()
	}
	return &miss{what + " " + want.pattern(), bad, r.why(nil)}
}

// unexpectedRefusal is an error that the test says nothing of.
func (r *run) unexpectedRefusal(got *reply) *miss {
	if got == nil || got.wanted || got.status < 400 {
		return nil
	}
	return &miss{"the message is taken, or expect: {status: " + strconv.Itoa(got.status) + "}",
		fmt.Sprintf("status %d: %s", got.status, got.body.Get("detail").Text()), r.why(nil)}
}
