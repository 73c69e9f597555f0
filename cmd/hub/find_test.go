package main

import (
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/api"
)

// TestFind: where an order is, one command says; and by which values, what is indexed and what is not.
func TestFind(t *testing.T) {
	s, b := newCounting(t, "drain: 2s}", "drain: 2s, index: [email, lines.sku, token]}")
	s.send202("/orders", `{"id":"W-1","email":"Jane@Example.com","total":1,"zip":"01067","token":"tok_very_secret","lines":[{"sku":"A-1"},{"sku":"B-2"}]}`)
	s.send202("/orders", `{"id":"W-2","email":"no address","token":"tok_other_secret"}`)
	await(t, "both are through", func() bool { return s.channel("audit").Ready+s.channel("invalid").Ready == 2 })
	finds := func(want string, args ...string) *api.Found {
		t.Helper()
		f := asked[*api.Found](s, append([]string{"find"}, args...)...)
		var got []string
		for _, h := range f.Hits {
			got = append(got, h.Kind+" "+h.Where+" "+strings.TrimSpace(h.Order))
			if strings.Contains(h.What, "secret") {
				t.Errorf("%+v", h)
			}
		}
		if text := strings.Join(got, ", "); !strings.Contains(text, want) {
			t.Errorf("find %v: %q, expected %q", args, text, want)
		}
		return f
	}
	finds("message invalid W-2", "--order", "W-2")
	finds("table seen ", "--order", "W-1")
	for _, value := range []string{"jane@example.com", "email= JANE@example.com", "B-2", "lines.sku=a-1", "tok_very_secret"} {
		if f := finds(" W-1", value); len(f.Hits) != 1 || f.Looked != "" {
			t.Errorf("find %s: the index is asked alone, and knows the value once on the way of the order: %+v", value, f)
		}
	}
	if f := finds("message audit W-1", "01067"); !strings.Contains(f.Looked, "the oldest 2 of 2 messages") || !strings.Contains(f.Looked, "the whole history") {
		t.Error(f.Looked)
	}
	finds("history", "--error", "must match", "--since", "1h")
	finds("history", "--error", "invalid")
	finds(" W-1", "--email", "jane@example.com")
	finds(" W-1", "--sku", "A-1")
	finds("message audit W-1", "--text", "01067")
	has(t, s.hub(1, "find", "--customer", "C-1"), "customer is not indexed: email, lines.sku, token")
	has(t, s.hub(1, "find", "--partner", "bank"), `no adapter is called "bank"`)
	has(t, s.hub(1, "find", "--partner", "bank", "--error", "timeout"), "no adapter")
	has(t, s.hub(2, "find", "--order", "W-1", "--sku", "A-1"), "say one thing to look for")
	if f := finds("", "--text", "01067", "--limit", "1"); len(f.Hits) != 1 || !f.Cut {
		t.Errorf("a page of one: %+v", f)
	}
	for _, secret := range []string{"tok_very_secre", "tok_very"} { // a part of a secret finds nothing
		if out := s.hub(1, "find", secret); !strings.Contains(out, "is found") {
			t.Error(out)
		}
	}
	if f := finds(" W-1", "--recent"); len(f.Hits) != 2 || f.Hits[0].Time.Before(f.Hits[1].Time) {
		t.Errorf("find --recent: each order once, the newest first: %+v", f.Hits)
	}
	s.hub(1, "find", "zip=01067")
	s.hub(2, "find")
	s.hub(1, "find", "jane@example.com", "--since", "1x")
	if out := s.hub(0, "find", "jane@example.com"); !strings.Contains(out, "hub trace W-1") {
		t.Error(out)
	}
	if code := s.stop(); code != 0 {
		t.Error("exit", code)
	}
	// A misspelt path would find nothing, without a word.
	s.write(strings.NewReplacer("FAR", b.URL, "drain: 2s}", "drain: 2s, index: [emial]}").Replace(counting))
	if out := s.hub(1, "validate", s.config); !strings.Contains(out, `unknown path "emial"`) || !strings.Contains(out, "email") {
		t.Error(out)
	}
}
