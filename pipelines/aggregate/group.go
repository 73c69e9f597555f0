package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const (
	kindGroup  = "group"  // key: pipeline/step, a space, group key
	kindMember = "group " // + hash of the group; key: message ID
)

// group is the head record of a group: it has one size whatever the number of members.
type group struct {
	Size        int               `json:"size"`
	ID          string            `json:"id"` // the first member's: tells this group from later ones of the same key
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Correlation string            `json:"correlation,omitempty"` // of all members; "" when they differ
	Mixed       bool              `json:"mixed,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"` // those that all members share
	Expires     time.Time         `json:"expires,omitzero"`  // the latest of its members; zero: one of them never does
	Closed      bool              `json:"closed,omitempty"`

	name    string
	version int64
}

// member is one message of a group.
type member struct {
	n     int
	id    string
	trace string // traceparent of the run that stored it
	body  doc.Value
}

// readGroup reads the head; an empty group when there is none.
func readGroup(ctx context.Context, x *hub.Exchange, name string) (*group, error) {
	g := &group{name: name}
	var err error
	if g.version, err = hub.ReadJSON(ctx, x.Record, kindGroup, name, g); err != nil {
		return nil, fmt.Errorf("group %q: %w", name, err)
	}
	return g, nil
}

// derive is the ID of a message that the group makes.
func (g *group) derive(suffix string) string {
	return hub.DeriveID((&hub.Message{ID: g.ID}).Root(), suffix+"."+hub.HashID(g.name + " " + g.ID)[:12])
}

func (g *group) kind() string { return kindMember + hub.HashID(g.name) }

// has tells whether the message is a member already.
func (g *group) has(ctx context.Context, x *hub.Exchange, id string) (bool, error) {
	if g.Size == 0 {
		return false, nil
	}
	_, err := x.Record(ctx, g.kind(), id)
	if errors.Is(err, hub.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// add counts m in.
func (g *group) add(m *hub.Message, now time.Time) {
	if g.Size == 0 {
		g.ID, g.First, g.Correlation, g.Headers = m.ID, now, m.Correlation, maps.Clone(map[string]string(m.Headers))
		delete(g.Headers, hub.HeaderSequence)
		delete(g.Headers, hub.HeaderIdempotency)
		g.Expires = m.Expires
	}
	if m.Expires.IsZero() || !g.Expires.IsZero() && m.Expires.After(g.Expires) {
		g.Expires = m.Expires
	}
	g.Size++
	g.Last = now
	if g.Mixed = g.Mixed || g.Correlation != m.Correlation; g.Mixed {
		g.Correlation = ""
	}
	maps.DeleteFunc(g.Headers, func(name, value string) bool { return m.Headers[name] != value })
}

// keep stores the head and the newest member.
func (g *group) keep(x *hub.Exchange, body doc.Value) {
	v := doc.ObjectOf([]doc.Field{{Name: "n", Value: doc.IntValue(int64(g.Size))}, {Name: "body", Value: body},
		{Name: "trace", Value: doc.StringValue(x.Msg.Trace.Traceparent())}})
	x.Write(hub.Write{Kind: g.kind(), Key: x.Msg.ID, Value: v.JSON()})
	x.Write(hub.Write{Kind: kindGroup, Key: g.name, Value: g.head(), IfVersion: g.version})
}

func (g *group) head() []byte {
	raw, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	return raw
}

// members reads the stored members, in the order they came.
func (g *group) members(ctx context.Context, x *hub.Exchange) ([]member, error) {
	if g.version == 0 && g.Size <= 1 {
		return nil, nil
	}
	list, err := x.Records(ctx, g.kind(), maxMembers)
	if err != nil {
		return nil, err
	}
	out := make([]member, 0, len(list)+1)
	for _, r := range list {
		v, err := doc.ParseLimits(r.Value, doc.Limits{Depth: 80, Nodes: 1 << 20}) // a body, and what stands around it
		if err != nil {
			return nil, fmt.Errorf("group %q: member %s: %w", g.name, r.Key, err)
		}
		n, _ := v.Get("n").Num().Int64()
		out = append(out, member{n: int(n), id: r.Key, body: v.Get("body"), trace: v.Get("trace").Str()})
	}
	slices.SortFunc(out, func(a, b member) int { return a.n - b.n })
	return out, nil
}

// close deletes the members and leaves a head that knows late ones.
func (g *group) close(x *hub.Exchange, members []member, keep time.Duration) {
	for _, m := range members {
		if m.id != x.Msg.ID || m.n < g.Size { // the newest was never stored
			x.Write(hub.Write{Kind: g.kind(), Key: m.id, IfVersion: hub.AnyVersion})
		}
	}
	closed := &group{Size: g.Size, ID: g.ID, First: g.First, Last: g.Last, Closed: true}
	x.Write(hub.Write{Kind: kindGroup, Key: g.name, Value: closed.head(), IfVersion: g.version, Expires: x.Now().Add(keep)})
}

func bodiesOf(members []member) doc.Value {
	out := make([]doc.Value, len(members))
	for i, m := range members {
		out[i] = m.body
	}
	return doc.ListOf(out)
}

// linksOf are the runs that stored the members, but those of the trace that x's run belongs to.
func linksOf(x *hub.Exchange, members []member) (links []hub.TraceContext) {
	for _, m := range members {
		if c, ok := hub.ParseTraceContext(m.trace, ""); ok && c.Trace != x.Unit.Span.Trace && len(links) < maxLinks {
			links = append(links, c)
		}
	}
	return links
}

const maxLinks = 1000 // of one aggregate

// rootsOf lists the messages from outside that came together, each once.
func rootsOf(members []member) []string {
	var out []string
	seen := map[string]bool{}
	for _, m := range members {
		root := (&hub.Message{ID: m.id}).Root()
		if !seen[root] && len(out) < maxLinks {
			out = append(out, root)
		}
		seen[root] = true
	}
	return out
}
