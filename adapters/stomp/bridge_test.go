package stomp

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

// What a MESSAGE brings goes out as it came, whatever the case of its names, how often they are there, and how empty their values.
func TestFault_B7_FramesAsTheyCame(t *testing.T) {
	a := openAdapter(t, "stomp://nobody", nil)
	random := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	names := []string{"a", "A", "Region", "region", "x-own", "ünï:code", "type", "n"}
	values := []string{"", "x", "a:b", "line\nend\\", "žofie", "5", "null"}
	for range 500 {
		f := newFrame(cmdMessage, headerDestination, "/queue/a", headerMessageID, "d", "hub-id", "m")
		var want []header
		for range random.IntN(8) {
			h := header{names[random.IntN(len(names))], values[random.IntN(len(values))]}
			want = append(want, h)
		}
		f.headers = append(f.headers, want...)
		m, err := message(f, headerID, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		out, err := a.sending(mustPlace(t, "/queue/b"), m)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(slices.Clone(out.headers), func(h header) bool { return !slices.Contains(names, h.name) })
		group := func(list []header) map[string][]string { // the order of other names says nothing
			out := map[string][]string{}
			for _, h := range list {
				lower := strings.ToLower(h.name)
				out[lower] = append(out[lower], h.name+"="+h.value)
			}
			return out
		}
		if !reflect.DeepEqual(group(got), group(want)) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

// A bridge over the real server; a step changes what it is told to change, and nothing else.
func TestFault_B7_BridgeByStomp(t *testing.T) {
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	a := openAdapter(t, r.url, nil)
	target := a.target("/queue/" + to)
	hubtest.Feed(t, a.source("/queue/"+from, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		return target.Send(ctx, m.WithHeader("changed", "new").WithHeader("gone", ""))
	}))
	r.put(from, amqp.Publishing{MessageId: "m", ContentType: "text/x-own", Priority: 4, Type: "order", AppId: "shop", Headers: amqp.Table{"Upper": "U", "changed": "old", "Gone": "x", "empty": ""}, Body: []byte{0, 255}})
	d := r.get(to)
	for name := range d.Headers {
		if strings.HasPrefix(name, "hub-") {
			delete(d.Headers, name)
		}
	}
	delete(d.Headers, "destination")
	if fmt.Sprintf("%v %v %v", d.Headers["Upper"], d.Headers["changed"], d.Headers["empty"]) != "U new " || d.Headers["Gone"] != nil || string(d.Body) != "\x00\xff" ||
		d.ContentType != "text/x-own" || d.Priority != 4 || d.Type != "order" || d.AppId != "shop" {
		t.Errorf("%v, %+v", slices.Sorted(maps.Keys(d.Headers)), d)
	}
	if _, there := d.Headers["empty"]; !there {
		t.Error("the empty header is gone")
	}
}

// What another protocol keeps exactly is its text here.
func TestFault_B7_TextsOfOtherProtocols(t *testing.T) {
	a := openAdapter(t, "stomp://nobody", nil)
	m := message1("m", "{}")
	m.Headers = broker.WithExact(hub.Headers{"n": "5", "raw": "AP8=", "void": ""}, []broker.ExactHeader{
		{Name: "N", Form: "amqp", Value: `{"t":"I","v":"5"}`}, {Name: "Raw", Form: broker.FormBytes, Value: "\x00\xff"}, {Name: "void", Form: broker.FormNull}})
	f, err := a.sending(mustPlace(t, "/queue/b"), m)
	if err != nil || f.get("n") != "5" || f.get("Raw") != "AP8=" || !slices.Contains(f.headers, header{"void", ""}) || f.get(broker.HeaderExact) != "" {
		t.Errorf("%q, %v", f.headers, err)
	}
}

// A message's time to live goes on, less what it spent on the way.
func TestFault_B4_ExpiresOverABridge(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	a := openAdapter(t, r.url, nil)
	target := a.target("/queue/" + to)
	hubtest.Feed(t, a.source("/queue/"+from, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		time.Sleep(1100 * time.Millisecond) // on the way
		return target.Send(ctx, m)
	}))
	r.put(from, amqp.Publishing{MessageId: "m", Expiration: "60000"})
	var left int
	if _, err := fmt.Sscan(r.get(to).Expiration, &left); err != nil || left > 59_000 || left < 50_000 {
		t.Errorf("%d ms are left of 60000 after 1.1 s", left)
	}
}

// A missing exchange is found, what STOMP can't ask is said, and nothing is changed.
func TestFault_B9_Inspect(t *testing.T) {
	r := newRabbit(t)
	there, queue := r.exchange("there", "topic"), r.drop("queue")
	a := openAdapter(t, r.url, nil)
	a.target("/exchange/" + there + "/order.paid")
	a.target("/exchange/" + r.name + ".missing")
	a.source("/exchange/"+r.name+".gone/#", nil)
	a.target("/queue/" + queue)
	findings, err := a.Inspect(background(t))
	if err != nil || len(findings) != 3 {
		t.Fatalf("%q, %v", findings, err)
	}
	for i, want := range []string{"/exchange/" + r.name + ".missing: ", "/exchange/" + r.name + ".gone/#: ", hub.Unasked + "/queue/" + queue + ": "} {
		if !strings.HasPrefix(findings[i], want) {
			t.Errorf("%q, want %q", findings[i], want)
		}
	}
	if r.depth(queue) != -1 {
		t.Error("it declared the queue")
	}
}
