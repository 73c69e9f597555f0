package scenario

import (
	"slices"
	"strings"

	"orderhub/hub"
)

// broker carries the channels that the configuration puts `via` one. It
// outlives the hub: what it was given it brings, at least once.
type broker struct {
	readers []reading
	waiting []parcel
}

type reading struct {
	channel hub.Carried
	hub.Subscription
}

// parcel is a message on its way to a reader.
type parcel struct {
	pipeline string
	msg      *hub.Message
}

// forget ends the subscriptions of a process that is gone; the next one makes its own.
func (b *broker) forget() { b.readers = nil }

func (b *broker) subscribe(c hub.Carried, s hub.Subscription) {
	b.readers = append(b.readers, reading{c, s})
}

// reader is the pipeline that reads a channel; "" for none.
func (b *broker) reader(channel string) string {
	for _, r := range b.readers {
		if r.channel.Name == channel {
			return r.Pipeline
		}
	}
	return ""
}

// publish gives m to the readers that want it.
func (w *world) publish(c hub.Carried, m *hub.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.broker.readers {
		if r.channel.Name != c.Name || !wants(&r, m) {
			continue
		}
		got := m
		if m.Key == "" && r.Key != nil {
			got = m.WithKey(r.Key(m))
		}
		w.broker.waiting = append(w.broker.waiting, parcel{r.Pipeline, got})
		if w.twice {
			w.broker.waiting = append(w.broker.waiting, parcel{r.Pipeline, got})
		}
	}
}

func wants(r *reading, m *hub.Message) bool {
	switch r.channel.Type {
	case "topic":
		return hub.TopicMatch(wordsOf(r.Pattern), wordsOf(m.Headers.Get(hub.HeaderRoutingKey)))
	case "headers":
		return m.Headers.Match(r.Match)
	}
	return true
}

// wordsOf are the words of a routing key or a pattern; "" has none.
func wordsOf(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

// bringable are the parcels that may be brought next: of each reader, those
// without a key and the first of each key.
func (b *broker) bringable() (at []int) {
	seen := map[string]bool{}
	for i, p := range b.waiting {
		line := p.pipeline + "\x00" + p.msg.Key
		if p.msg.Key == "" || !seen[line] {
			at = append(at, i)
		}
		seen[line] = true
	}
	return at
}

// took removes a parcel that the hub took.
func (w *world) took(p parcel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.broker.waiting, p)
	w.broker.waiting = slices.Delete(w.broker.waiting, i, i+1)
}
