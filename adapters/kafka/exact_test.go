package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

// wireRecord is all of a record that a bridge has to keep.
type wireRecord struct {
	Key, Value []byte
	Headers    []kafka.Header
}

// parcelOf is the record as it is sent.
func parcelOf(t *testing.T, rec wireRecord) *parcel {
	t.Helper()
	p := &parcel{key: string(rec.Key), keyed: rec.Key != nil, value: rec.Value, time: time.UnixMilli(5000)}
	for _, h := range rec.Headers {
		p.headers = append(p.headers, header{h.Key, string(h.Value), h.Value == nil})
	}
	p.measure()
	return p
}

// readBack reads a parcel as a record.
func readBack(t *testing.T, p *parcel) *record {
	t.Helper()
	b := &batches{most: 1 << 20, strict: true}
	if err := b.read(appendBatch(nil, []*parcel{p}, time.UnixMilli(5000))); err != nil || len(b.out) != 1 {
		t.Fatal(err, len(b.out))
	}
	return &b.out[0]
}

// wireOf is what a record has, without what a hub adds.
func wireOf(rec *record) wireRecord {
	out := wireRecord{Key: rec.key, Value: rec.value}
	f := wire{b: rec.headers}
	for range rec.count {
		name, value := string(f.bytes()), f.bytes()
		if name != headerID {
			out.Headers = append(out.Headers, kafka.Header{Key: name, Value: value})
		}
	}
	return out
}

// stored is m as it comes out of a store: a key that is no text would not.
func stored(t *testing.T, m *hub.Message) *hub.Message {
	t.Helper()
	c := *m
	if raw, _ := json.Marshal([]string{m.Key, m.Correlation, m.ID}); bytes.Contains(raw, []byte(`\ufffd`)) || bytes.Contains(raw, []byte(`\u0000`)) {
		t.Errorf("no store takes %q", raw)
	}
	return &c
}

// bridged takes a record through a bridge: a topic's source, what steps do to the message, and a topic's target; carried: over a channel as well.
func bridged(t *testing.T, rec wireRecord, carried bool, steps func(*hub.Message) *hub.Message) wireRecord {
	t.Helper()
	s := &server{t: t, addr: "127.0.0.1:1"}
	read := func(p *parcel, f form) *hub.Message {
		r := &run{Source: &Source{topic: "in", form: f}, env: s.adapter(nil).env}
		m := &hub.Message{}
		r.message(m, 0, readBack(t, p))
		return stored(t, m)
	}
	m := read(parcelOf(t, rec), onTopic)
	if carried {
		id := m.ID
		if m = read(newParcel(m, onChannel), onChannel); m.ID != id {
			t.Errorf("ID %s became %s", id, m.ID)
		}
	}
	if steps != nil {
		m = steps(m)
	}
	return wireOf(readBack(t, newParcel(m, onTopic)))
}

func randomRecord(rnd *rand.Rand) wireRecord {
	texts := [][]byte{nil, {}, []byte("x"), []byte("ž"), {0, 255, 1}, []byte("a\x00b"), []byte("AP8="), []byte("2026-11-01T10:00:00Z")}
	names := []string{"a", "A", "b", "zz", "Ä", "ä", "", "key", "Key", "kafka.tombstone", "kafka.key", "Kafka.x", "kafka.header.a", "hub-exact", "raw.base64", "status", "\xff\xfe", "\xfe",
		"kafka_replyTopic", "kafka_correlationId", "kafka_correlationid", "kafka_replyPartition", "hub-correlation-2", "hub-request", "content-type"}
	pick := func() []byte { return texts[rnd.IntN(len(texts))] }
	out := wireRecord{Key: pick(), Value: pick()}
	for range rnd.IntN(6) {
		out.Headers = append(out.Headers, kafka.Header{Key: names[rnd.IntN(len(names))], Value: pick()})
	}
	return out
}

// TestFault_B7_Bridge: a bridge keeps key, value and headers byte for byte, what is null and what is empty, what is there twice, case and order.
func TestFault_B7_Bridge(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		rec := randomRecord(rnd)
		for _, carried := range []bool{false, true} {
			if got := bridged(t, rec, carried, nil); !reflect.DeepEqual(got, rec) {
				t.Fatalf("carried %v:\n in %q\nout %q", carried, rec, got)
			}
		}
	}
}

// TestFault_B7_Steps: what a step changes is changed, and nothing else.
func TestFault_B7_Steps(t *testing.T) {
	rec := wireRecord{Key: []byte{0, 255, 1}, Value: []byte("v"), Headers: []kafka.Header{{Key: "B", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "B", Value: []byte("2")}, {Key: "a", Value: []byte{255}}}}
	with := func(key []byte, headers ...kafka.Header) wireRecord { return wireRecord{key, rec.Value, headers} }
	h := rec.Headers
	for name, c := range map[string]struct {
		step func(*hub.Message) *hub.Message
		want wireRecord
	}{
		"a header is set":     {func(m *hub.Message) *hub.Message { return m.WithHeader("b", "new") }, with(rec.Key, h[1], h[3], kafka.Header{Key: "b", Value: []byte("new")})},
		"a header is removed": {func(m *hub.Message) *hub.Message { return m.WithHeader("a", "") }, with(rec.Key, h[0], h[2])},
		"a header is added":   {func(m *hub.Message) *hub.Message { return m.WithHeader("c", "3") }, with(rec.Key, h[0], h[1], h[2], h[3], kafka.Header{Key: "c", Value: []byte("3")})},
		"the key is changed":  {func(m *hub.Message) *hub.Message { return m.WithKey("k") }, with([]byte("k"), h...)},
		"the key is given":    {func(m *hub.Message) *hub.Message { return m.WithHeader("key", "k") }, with([]byte("k"), h...)},
	} {
		if got := bridged(t, rec, false, c.step); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

// TestFault_B7_Seen: steps see texts, and know of a key what they can.
func TestFault_B7_Seen(t *testing.T) {
	r := &run{Source: &Source{topic: "in"}, env: (&server{t: t, addr: "127.0.0.1:1"}).adapter(nil).env}
	var m hub.Message
	r.message(&m, 0, readBack(t, parcelOf(t, wireRecord{Key: []byte{0, 255, 1}, Headers: []kafka.Header{
		{Key: "Sku", Value: []byte("s-1")}, {Key: "raw", Value: []byte{0, 255}}, {Key: "none", Value: nil}, {Key: "key", Value: []byte("theirs")}}})))
	want := hub.Headers{"sku": "s-1", "raw": "AP8=", "none": "", "kafka.header.key": "theirs", "kafka.key": "AP8B", "kafka.tombstone": "true", broker.HeaderExact: m.Headers[broker.HeaderExact]}
	if m.Key != "AP8B" || !reflect.DeepEqual(m.Headers, want) {
		t.Errorf("%+v", m)
	}
	r.message(&m, 0, readBack(t, parcelOf(t, wireRecord{Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte{}}}})))
	if fmt.Sprint(m.Headers) != "map[a:1 b:]" {
		t.Errorf("texts need nothing beside them: %v", m.Headers)
	}
}

// TestFault_B4_Expiry: the expiry of a record is the message's, and goes on; what can't be read as one stays a header.
func TestFault_B4_Expiry(t *testing.T) {
	rec := func(text string) wireRecord {
		return wireRecord{Value: []byte("v"), Headers: []kafka.Header{{Key: headerExpires, Value: []byte(text)}}}
	}
	for _, text := range []string{"2126-11-01T10:00:00.5Z", "tomorrow", ""} {
		if got := bridged(t, rec(text), true, nil); !reflect.DeepEqual(got, rec(text)) {
			t.Errorf("%q became %q", text, got.Headers)
		}
	}
	at := time.Date(2126, 11, 1, 8, 0, 0, 0, time.UTC)
	if got := bridged(t, rec("2126-11-01T10:00:00+02:00"), true, func(m *hub.Message) *hub.Message {
		if !m.Expires.Equal(at) {
			t.Errorf("expires %s", m.Expires)
		}
		return m
	}); string(got.Headers[0].Value) != "2126-11-01T08:00:00Z" {
		t.Errorf("%q", got.Headers)
	}
}

// TestFault_B7_RealBridge: the same over a broker, source and target.
func TestFault_B7_RealBridge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	in, out := s.topic(1), s.topic(1)
	rnd := rand.New(rand.NewPCG(7, 8))
	var records []wireRecord
	for range 50 {
		rec := randomRecord(rnd)
		records = append(records, rec)
		s.produce(in, rec)
	}
	target := s.target(s.adapter(nil), "topic "+out)
	src := s.source(s.adapter(nil), "topic "+in, "g."+in, func(c *SourceConfig) { c.Workers = 1 })
	feed(t, src, hub.HandlerFunc(target.Send))
	hubtest.Until(t, "not all are bridged", func() bool { return s.committed("g."+in, in, 1)[0] == int64(len(records)) })
	var got []string
	for _, m := range s.read(out, 1) {
		m.Headers = slices.DeleteFunc(m.Headers, func(h kafka.Header) bool { return h.Key == headerID })
		got = append(got, fmt.Sprintf("%q", wireRecord{m.Key, m.Value, m.Headers}))
	}
	slices.Sort(got)
	var want []string
	for _, r := range records {
		want = append(want, fmt.Sprintf("%q", r))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// produce writes one record as it is.
func (s *server) produce(topic string, rec wireRecord) {
	s.t.Helper()
	of := func(b []byte) kafka.Bytes {
		if b == nil {
			return nil
		}
		return kafka.NewBytes(b)
	}
	hubtest.Until(s.t, "the record can't be written", func() bool {
		r, err := s.admin.Produce(s.t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Key: of(rec.Key), Value: of(rec.Value), Headers: rec.Headers})})
		return err == nil && r.Error == nil
	})
}

// TestFault_B8_AnyReply: a reply is passed on as it came, be it a document, a text or bytes, from a hub or from another client.
func TestFault_B8_AnyReply(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic, theirs := s.topic(1), s.topic(1)
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		return &hub.Message{ID: m.ID + "/r", Body: m.Body}, nil
	}))
	a := s.asking(topic)
	ours, foreign := s.caller(a, "topic "+topic), s.caller(a, "topic "+theirs)
	for i, body := range []string{`{"a":1}`, "a plain text", "\x00\xff\x01", ""} {
		m := message(fmt.Sprint("q-", i), "k", body, nil)
		if got, err := ours.Call(patiently(t), m); err != nil || string(got.Body.Bytes()) != body {
			t.Errorf("%q: %+v, %v", body, got, err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := foreign.Call(patiently(t), m); err != nil || string(got.Body.Bytes()) != body || got.Headers["void"] != "" || len(got.Headers) != 2 {
				t.Errorf("%q of another: %+v, %v", body, got, err)
			}
		})
		var asked []kafka.Message
		hubtest.Until(t, "no request", func() bool { asked = s.read(theirs, 1); return len(asked) > i })
		id := headersOf(asked[i])[headerCorrelationID]
		s.produce(a.replies.topic, wireRecord{Value: []byte(body), Headers: []kafka.Header{{Key: "Void", Value: nil}, {Key: headerCorrelationID, Value: []byte(id)}}})
		wg.Wait()
	}
}
