package hub

import (
	"sync"
	"testing"

	"orderhub/hub/doc"
)

// Each form of a body is made once, whoever asks first, and all see the same.
func TestBodyForms(t *testing.T) {
	parsed, err := doc.Parse([]byte(`{"a":1.50}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() Body{
		"bytes":    func() Body { return NewBody([]byte(`{"a":1.50}`)) },
		"parsed":   func() Body { return DocumentBody(parsed) },
		"computed": func() Body { return DocumentBody(doc.Set(parsed, []string{"a"}, parsed.Get("a"))) },
	} {
		b := make()
		first := make().Bytes()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				v, err := b.Doc()
				again, _ := b.Doc()
				if err != nil || v != again || v.Get("a").Num().String() != "1.50" {
					t.Errorf("%s: %s, %v", name, v, err)
				}
				if raw := b.Bytes(); string(raw) != string(first) || &raw[0] != &b.Bytes()[0] || b.Len() != len(first) {
					t.Errorf("%s: bytes %s", name, raw)
				}
			})
		}
		all.Wait()
	}
	bad := NewBody([]byte(`{"a":`))
	_, err = bad.Doc()
	_, again := bad.Doc()
	if err == nil || err != again || string(bad.Bytes()) != `{"a":` {
		t.Errorf("%v, %v, %s", err, again, bad.Bytes())
	}
	empty := DocumentBody(doc.Value{}) // a document that is left out
	if v, err := empty.Doc(); err != nil || v.Kind() != doc.Missing || string(empty.Bytes()) != "null" {
		t.Errorf("%v, %v, %q", v, err, empty.Bytes())
	}
	if _, err := (Body{}).Doc(); err == nil || (Body{}).Bytes() != nil {
		t.Error("an empty body has content")
	}
}
