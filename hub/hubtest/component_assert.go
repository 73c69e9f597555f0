package hubtest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// contractPatience is how long the suites of adapters wait for what must happen.
const contractPatience = 30 * time.Second

// duty is a case of the suite for adapters whose far end is an F.
type duty[F any] struct {
	name, why string
	skip      bool // it is not declared in Features
	run       func(*contractT, Features, F)
}

// contract checks duties. far makes a fresh far end per case.
func contract[F any](t *testing.T, f Features, far func(t *testing.T) F, duties []duty[F]) {
	for _, d := range duties {
		t.Run(d.name, func(t *testing.T) {
			if d.skip {
				t.Skip("not declared in Features")
			}
			contractLeaks(t, d.why)
			d.run(&contractT{t, d.why}, f, far(t))
		})
	}
}

// contractT is a test of one duty.
type contractT struct {
	*testing.T
	why string
}

func (t *contractT) fail(format string, args ...any) {
	t.Helper()
	t.Fatalf("%s\ncontract: %s", fmt.Sprintf(format, args...), t.why)
}

func (t *contractT) ok(err error) {
	t.Helper()
	if err != nil {
		t.fail("unexpected error: %v", err)
	}
}

func (t *contractT) until(what string, ok func() bool) {
	t.Helper()
	Until(t, what+"\ncontract: "+t.why, ok)
}

func (t *contractT) receive(ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(contractPatience):
		t.fail("%s", what)
	}
}

func (t *contractT) same(name string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.fail("the %s body changed: %d bytes %.80q, want %d bytes %.80q", name, len(got), got, len(want), want)
	}
}

func (t *contractT) headers(names []string, got hub.Headers) {
	t.Helper()
	for _, name := range names {
		if want := contractHeaderValue(name); got[name] != want {
			t.fail("header %s is %q, want %q; there are %v", name, got[name], want, slices.Sorted(maps.Keys(got)))
		}
	}
}

func contractHeaderValue(name string) string {
	switch name {
	case hub.HeaderContentType:
		return "application/json"
	case hub.HeaderTraceparent:
		return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	}
	return "value of " + name
}

// addContractHeaders gives m the headers, as a message that leaves the hub has them.
func addContractHeaders(m *hub.Message, names []string) {
	for _, name := range names {
		if name == hub.HeaderTraceparent {
			m.Trace, _ = hub.ParseTraceContext(contractHeaderValue(name), "")
		} else {
			m.Headers[name] = contractHeaderValue(name)
		}
	}
}

func contractMessage(id, body string) *hub.Message {
	return &hub.Message{ID: id, Time: time.Now().UTC(), Headers: hub.Headers{hub.HeaderContentType: "application/json"}, Body: hub.NewBody([]byte(body))}
}

type contractBody struct {
	name, media string
	body        []byte
}

func (b contractBody) message() *hub.Message {
	m := contractMessage("b-"+b.name, "")
	m.Headers[hub.HeaderContentType] = b.media
	m.Body = hub.NewBody(b.body)
	return m
}

func contractBodies(f Features) (out []contractBody) {
	big := cmp.Or(f.MaxBody, 1<<20)
	out = append(out,
		contractBody{"UTF-8", "application/json", []byte(`{"name":"Žofie 🎁 \u00e9","n":12345678901234567890.10}`)},
		contractBody{"large", "application/json", []byte(`{"a":"` + strings.Repeat("x", big-8) + `"}`)})
	if !f.NoEmpty {
		out = append(out, contractBody{"empty", "application/octet-stream", nil})
	}
	if !f.NoBinary {
		all := make([]byte, 512)
		for i := range all {
			all[i] = byte(i)
		}
		out = append(out, contractBody{"binary", "application/octet-stream", all})
	}
	return out
}

// contractLeaks fails t when goroutines that the case began are left at its
// end. Call it first: cleanups run in reverse order.
func contractLeaks(t *testing.T, why string) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(contractPatience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Errorf("%d goroutines, %d before:\n%s\ncontract: no goroutine is left after a source, target or caller has ended (%s)",
					runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)], why)
				return
			}
		}
	})
}
