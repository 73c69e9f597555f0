package kafka

import (
	"fmt"
	"slices"
	"testing"

	"orderhub/hub"
)

// TestChannels: a topic channel and a headers channel, each on one topic that is made when it is missing; readers sort out what is theirs.
func TestChannels(t *testing.T) {
	s := newServer(t)
	name := topicName()
	s.drop(name)
	a := s.adapter(nil)
	paid, all := &seen{}, &seen{}
	var stops []func() error
	stop, _ := start(t, s.source(a, "channel "+name+" type topic pipeline billing pattern order.paid", "hub."+name, nil), paid.take)
	stops = append(stops, stop)
	stop, _ = start(t, s.source(a, "channel "+name+" type topic pipeline audit pattern order.#", "hub."+name, nil), all.take)
	stops = append(stops, stop)
	stop, _ = start(t, s.source(a, "channel "+name+" type headers pipeline north", "hub."+name, func(c *SourceConfig) {
		c.Match = map[string]string{"region": "north"}
	}), paid.take)
	stops = append(stops, stop)
	target := s.target(a, "channel "+name+" type topic")
	for i, m := range []*hub.Message{
		message("1", "a", "1", hub.Headers{"routing-key": "order.paid"}),
		message("2", "a", "2", hub.Headers{"routing-key": "order.shipped.late"}),
		message("3", "b", "3", hub.Headers{"routing-key": "stock", "region": "north"}),
	} {
		until(t, fmt.Sprint("no send of message ", i), func() bool { return target.Send(t.Context(), m) == nil })
	}
	until(t, "not all came", func() bool { return len(paid.all()) == 2 && len(all.all()) == 2 })
	for _, reader := range []string{"billing", "audit", "north"} {
		until(t, "what a reader passes over counts as handled", func() bool {
			n := int64(0)
			for _, at := range s.committed("hub."+name+"."+reader, name, 4) {
				n += max(0, at)
			}
			return n == 3
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
	var got []string
	for _, m := range all.all() {
		got = append(got, string(m.Body.Bytes()))
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("audit got %q", got)
	}
	if n := len(s.read(name, 4)); n != 3 {
		t.Errorf("%d records in one topic", n)
	}
}
