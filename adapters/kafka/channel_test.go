package kafka

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

// TestChannels: a topic channel and a headers channel, each on one topic that is made when it is missing; readers sort out what is theirs.
func TestChannels(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	name := topicName()
	s.drop(name)
	a := s.adapter(nil)
	paid, all := &seen{}, &seen{}
	var stops []func() error
	read := func(kind string, sub hub.Subscription, h hub.HandlerFunc) {
		sub.Hub = "hub." + name
		stop, _ := start(t, s.carry(a, hub.Carried{Name: name, Type: kind}, sub), h)
		stops = append(stops, stop)
	}
	read("topic", hub.Subscription{Pipeline: "billing", Pattern: "order.paid"}, paid.take)
	read("topic", hub.Subscription{Pipeline: "audit", Pattern: "order.#"}, all.take)
	read("topic", hub.Subscription{Pipeline: "one word", Pattern: "*"}, paid.take)
	read("headers", hub.Subscription{Pipeline: "north", Match: hub.Headers{"region": "north"}}, paid.take)
	target := s.channel(a, hub.Carried{Name: name, Type: "topic"})
	for i, m := range []*hub.Message{
		message("1", "a", "1", hub.Headers{"routing-key": "order.paid"}),
		message("2", "a", "2", hub.Headers{"routing-key": "order.shipped.late"}),
		message("3", "b", "3", hub.Headers{"routing-key": "stock.low", "region": "north"}),
		message("4", "b", "4", nil), // a routing key that is empty has no words
	} {
		if err := target.Send(t.Context(), m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	hubtest.Until(t, "not all came", func() bool { return len(paid.all()) == 2 && len(all.all()) == 2 })
	for _, reader := range []string{"billing", "audit", "north", "one word"} {
		hubtest.Until(t, "what a reader passes over counts as handled", func() bool {
			n := int64(0)
			for _, at := range s.committed("hub."+name+"."+reader, name, 4) {
				n += max(0, at)
			}
			return n == 4
		})
	}
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	for reader, want := range map[*seen][]string{all: {"1", "2"}, paid: {"1", "3"}} {
		var got []string
		for _, m := range reader.all() {
			got = append(got, m.ID+" "+string(m.Body.Bytes()))
		}
		slices.Sort(got)
		if want := []string{want[0] + " " + want[0], want[1] + " " + want[1]}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestCarriedWhole: a message comes out of a channel as it went in.
func TestCarriedWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	name := topicName()
	s.drop(name)
	a := s.adapter(nil)
	at := time.UnixMilli(1_790_000_000_123).UTC()
	in := &hub.Message{ID: "web-7/2", Key: "o-7", Correlation: "7", Time: at, Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), Body: hub.NewBody([]byte("x")),
		Headers: hub.Headers{"key": "a header", "kafka.tombstone": "true", "raw": "\xff\x00", "empty": "", "kafka.key": "", broker.HeaderExact: `[["A","null",""]]`, "routing-key": "a.b", "x": "ž"}}
	bare := &hub.Message{ID: "web-8", Time: at}
	target := s.channel(a, hub.Carried{Name: name, Type: "direct"})
	for _, m := range []*hub.Message{in, bare} {
		if err := target.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var got seen
	src := s.carry(a, hub.Carried{Name: name, Type: "direct"}, hub.Subscription{Hub: name, Pipeline: "p", Key: func(m *hub.Message) string { return "key of " + m.ID }})
	stop, _ := start(t, src, got.take)
	hubtest.Until(t, "not all came", func() bool { return len(got.all()) == 2 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	all := got.all()
	slices.SortFunc(all, func(a, b *hub.Message) int { return len(b.Headers) - len(a.Headers) })
	m := all[0]
	if m.ID != in.ID || m.Key != in.Key || m.Correlation != in.Correlation || !m.Time.Equal(at) || !m.Expires.Equal(in.Expires) || string(m.Body.Bytes()) != "x" ||
		fmt.Sprint(m.Headers) != fmt.Sprint(in.Headers) {
		t.Errorf("in  %+v\nout %+v", in, m)
	}
	if m := all[1]; m.ID != "web-8" || m.Key != "key of web-8" || len(m.Headers) != 0 || m.Body.Len() != 0 {
		t.Errorf("bare %+v", m)
	}
}

// TestCarriedTwice: a record that was sent again, as its confirmation was lost, is the same message to the reader.
func TestCarriedTwice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	name := topicName()
	s.drop(name)
	a := s.adapter(nil)
	p := newProxy(t, a)
	target := s.channel(a, hub.Carried{Name: name, Type: "direct"})
	m := message("order-1", "k", "1", nil)
	written := func() (n int) {
		for _, r := range s.read(name, 4) {
			if headersOf(r)[headerID] == m.ID {
				n++
			}
		}
		return n
	}
	hubtest.Until(t, "no request arrives", func() bool { // one that needs a new connection does not: the broker's greeting is dropped, too
		hubtest.Until(t, "no connection", func() bool { return target.Send(t.Context(), message("order-0", "k", "0", nil)) == nil })
		p.hush(true) // requests arrive, answers don't
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := target.Send(ctx, m); err == nil || !hub.AsError(err).Class.Transient() {
			t.Fatalf("Send: %v", err)
		}
		p.hush(false)
		p.cut()
		return written() > 0
	})
	hubtest.Until(t, "no send any more", func() bool { return target.Send(t.Context(), m) == nil })
	times := written()
	var got seen
	stop, _ := start(t, s.carry(s.adapter(nil), hub.Carried{Name: name, Type: "direct"}, hub.Subscription{Hub: name, Pipeline: "p"}), got.take)
	hubtest.Until(t, "not all came", func() bool { return len(got.all()) >= len(s.read(name, 4)) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range got.all() {
		if r.ID == m.ID {
			times--
		} else if r.ID != "order-0" {
			t.Errorf("a record has the ID %s", r.ID)
		}
	}
	if times != 0 {
		t.Errorf("%d records of %s did not come under its ID", times, m.ID)
	}
}
