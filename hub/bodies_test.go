package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestBodies: what steps did comes out of the store as it went in, each body once, and what is too large by its size. A step around
// others that only passes on what they left is not told again; of one that failed there is the body that it got.
func TestBodies(t *testing.T) {
	large := strings.Repeat("x", maxKeptBody+1)
	set := func(text string) Step {
		return StepFunc(func(ctx context.Context, x *Exchange, next Next) error {
			x.Msg = x.Msg.WithBody(NewBody([]byte(text)))
			return next(ctx, x)
		})
	}
	pass := StepFunc(func(ctx context.Context, x *Exchange, next Next) error { return next(ctx, x) })
	fail := StepFunc(func(context.Context, *Exchange, Next) error { return errors.New("no") })
	at := func(where string, s Step) Step {
		place := &Place{Where: where, Line: "f:1"}
		return StepFunc(func(ctx context.Context, x *Exchange, next Next) error { return x.Bodies.Run(ctx, place, s, x, next) })
	}
	x := NewExchange(&Message{ID: "m", Body: NewBody([]byte(`{"a":1}`))}, nil)
	x.Bodies = &Bodies{}
	if x.Bodies.Encode() != nil {
		t.Error("there is something to keep of nothing")
	}
	err := Run(at("pass", pass), at("around", Chain(at("inside", set(`{"a":2}`)))), at("large", set(large)), at("outer", Chain(at("fail", fail))))(t.Context(), x)
	if err == nil {
		t.Fatal("no error")
	}
	value := x.Bodies.Encode()
	steps, _, err := DecodeBodies(value)
	if err != nil {
		t.Fatal(err)
	}
	told := func(k *KeptBody) string {
		switch {
		case k == nil:
			return "failed"
		case k.Bytes == nil:
			return "too large"
		}
		return string(k.Bytes)
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.Message+" "+s.Line+" "+s.Where+" "+told(s.Before)+" "+told(s.After))
	}
	want := `m f:1 pass {"a":1} {"a":1}|m f:1 inside {"a":1} {"a":2}|m f:1 large {"a":2} too large|m f:1 fail too large failed`
	if strings.Join(got, "|") != want || steps[2].After.Size != len(large) {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]byte{nil, value[:len(value)/2], []byte("{}")} {
		if _, _, err := DecodeBodies(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	many := &Bodies{}
	step := many.Run
	for range maxKeptSteps + 10 {
		if err := step(t.Context(), &Place{}, set("1"), NewExchange(&Message{}, nil), func(context.Context, *Exchange) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if steps, _, err := DecodeBodies(many.Encode()); err != nil || len(steps) != maxKeptSteps {
		t.Errorf("%d steps of one run are kept: %v", len(steps), err)
	}
}

// TestBodiesBound: the bodies of one run take no more than their bound, whatever its steps do.
func TestBodiesBound(t *testing.T) {
	b := &Bodies{}
	for i := range 40 {
		text := []byte(strings.Repeat(string(rune('a'+i%26)), 30<<10))
		b.note(i, stepBodies{place: &Place{}, before: NewBody(text), after: NewBody(text)})
	}
	steps, _, err := DecodeBodies(b.Encode())
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, s := range steps {
		bytes += len(s.Before.Bytes) + len(s.After.Bytes)
		if s.Before.Size != 30<<10 {
			t.Fatalf("a body has %d bytes", s.Before.Size)
		}
	}
	if bytes > maxKeptBodies || bytes < maxKeptBodies/2 {
		t.Errorf("%d bytes are kept", bytes)
	}
}

// BenchmarkBodies is what a run of three steps costs, one of which changes a body of 830 bytes: kept or not.
func BenchmarkBodies(b *testing.B) {
	var order strings.Builder
	for i := 0; order.Len() < 820; i++ {
		fmt.Fprintf(&order, `"field-%d":"value %d of the order",`, i, i*7919)
	}
	before, after := NewBody([]byte(`{`+order.String()+`"n":1}`)), NewBody([]byte(`{`+order.String()+`"n":2}`))
	set := StepFunc(func(ctx context.Context, x *Exchange, next Next) error {
		x.Msg = x.Msg.WithBody(after)
		return next(ctx, x)
	})
	pass := StepFunc(func(ctx context.Context, x *Exchange, next Next) error { return next(ctx, x) })
	place := &Place{Where: "web-orders/translate", Line: "pipelines.yaml:12"}
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			bytes := 0
			for b.Loop() {
				x := NewExchange(&Message{ID: "m", Body: before}, nil)
				run := func(s Step) Step { return s }
				if kept {
					x.Bodies = &Bodies{}
					run = func(s Step) Step {
						return StepFunc(func(ctx context.Context, x *Exchange, next Next) error { return x.Bodies.Run(ctx, place, s, x, next) })
					}
				}
				if err := Run(run(pass), run(set), run(pass))(b.Context(), x); err != nil {
					b.Fatal(err)
				}
				if kept {
					bytes = len(x.Bodies.Encode())
				}
			}
			b.ReportMetric(float64(bytes), "bytes/run")
		})
	}
}

// TestAnswersAreKept: what calls were asked and answered is kept with its headers, but for what opens a door: cookies.
func TestAnswersAreKept(t *testing.T) {
	b, m := &Bodies{}, &Message{ID: "m"}
	b.Answered(m, "p/call", NewBody([]byte(`{"order":"W-1"}`)), &Message{Headers: Headers{HeaderStatus: "503", "cookie": "session=1", "x-request-id": "r-1"}, Body: NewBody([]byte("closed"))})
	b.Answered(m, "p/call", Body{}, nil)
	(*Bodies)(nil).Answered(m, "p/call", Body{}, m)
	_, answers, err := DecodeBodies(b.Encode())
	if err != nil || len(answers) != 1 {
		t.Fatal(answers, err)
	}
	a := answers[0]
	if a.Message != "m" || a.Where != "p/call" || string(a.Asked.Bytes) != `{"order":"W-1"}` || string(a.Body.Bytes) != "closed" || len(a.Headers) != 2 || a.Headers.Get(HeaderStatus) != "503" {
		t.Errorf("%+v", a)
	}
}
