package scenario

import (
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
)

func TestExplained(t *testing.T) {
	m := &hub.Message{ID: "m", Body: hub.NewBody([]byte(`{"total": 10, "items": [{"price": 4.5, "quantity": 2}], "kind": "a == b"}`))}
	r := &run{world: newWorld(&Test{start: start}, mode{})}
	r.saw(m)
	for _, c := range []struct {
		source string
		held   bool
		want   string
	}{
		{"sum(body.items, .price * .quantity) == body.total", false, "sum(body.items, .price * .quantity) = 9.0 == body.total = 10"},
		{`body.kind == "a == b"`, true, `body.kind = "a == b" == "a == b"`},
		{"body.total >= 10", true, "body.total = 10 >= 10"},
		{`body.total > 5 and body.kind != ""`, true, `body.total > 5 and body.kind != ""; body.total = 10, body.kind = "a == b"`},
		{`body.kind in ["x"]`, false, `body.kind in ["x"]; body.kind = "a == b"`},
		{"charge.result == 1", true, "charge.result == 1"}, // not known here
		{"body.total > 5", false, "body.total > 5"},        // it was otherwise: the body has changed since
		{"body.total.x.y > 5", true, "body.total.x.y > 5"}, // it can't be evaluated
	} {
		if got := r.explained(c.source, &note{Event: hub.Event{Message: "m"}}, c.held); got != c.want {
			t.Errorf("%s (%t)\n got  %s\n want %s", c.source, c.held, got, c.want)
		}
	}
	if got := r.explained("body.total > 5", &note{Event: hub.Event{Message: "other"}}, true); got != "body.total > 5" {
		t.Errorf("of a message that is not known: %s", got)
	}
}

func TestCanonical(t *testing.T) {
	a, _ := doc.Parse([]byte(`{"b": 1.0, "a": [{"d": "x", "c": null}]}`))
	b, _ := doc.Parse([]byte(`{"a":[{"c":null,"d":"x"}],"b":1}`))
	if canonical(a) != canonical(b) || canonical(a) != `{"a":[{"c":null,"d":"x"}],"b":1}` {
		t.Errorf("%s and %s", canonical(a), canonical(b))
	}
}

func TestStatesAreCompared(t *testing.T) {
	a, b := state{"kept", "once", "twice", "twice"}, state{"kept", "more", "twice"}
	if got := a.compare(b); got != "- once\n- twice\n+ more" {
		t.Errorf("%q", got)
	}
	if got := a.compare(a); got != "" {
		t.Errorf("the same: %q", got)
	}
}
