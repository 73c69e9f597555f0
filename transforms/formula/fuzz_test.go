package formula

import (
	"testing"
	"time"

	"orderhub/transforms/shape"
)

// FuzzFormula: no text makes the compiler or a formula panic, hang or leave its budget, and every error lies inside the text.
func FuzzFormula(f *testing.F) {
	for _, g := range plausible {
		for src := range g.formulas {
			f.Add(src, g.body)
		}
	}
	for _, src := range []string{predicate, `map(body.items, {sku: .sku})`, `a = b`, `1..1e9`, `repeat("x", 1e9)`, `((((`, `a?.b?.[0]?.c`, `let x = 1; x`, `if a {b} else {c}`,
		`"\u{1F600}é" + uper`, `body.items[1:2]`, `sum(body.items, .price * .quantity)`, `#`, `map(1..3, #index)`, `a ?? b + c`, `x | f(1)`, `{a: {{b}}}`, `;`, `1;`, `;1`, `a;)`, `.5.`} {
		f.Add(src, order)
	}
	scopes := []*Scope{openScope(), openScope().WithBody(orderType())}
	typed, _ := scopes[1].WithLocal("bodies", shape.ArrayOf(itemType()))
	scopes = append(scopes, typed)
	f.Fuzz(func(t *testing.T, src, body string) {
		for _, s := range scopes {
			c, errs := Compile(src, s)
			if (c == nil) == (len(errs) == 0) {
				t.Fatalf("%q: a formula and errors, or neither: %v", src, errs)
			}
			for _, e := range errs {
				if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(src) || e.Message == "" {
					t.Fatalf("%q: %+v", src, e)
				}
			}
			if c == nil {
				continue
			}
			fr := frameOf(t, body)
			fr.Limits = Limits{Steps: 20_000, Memory: 1 << 20, Wall: 300 * time.Millisecond}
			start := time.Now()
			v, err := c.Eval(fr)
			if took := time.Since(start); took > 5*time.Second {
				t.Fatalf("%q took %v", src, took)
			}
			if err != nil {
				r := err.(*RunError)
				if r.Offset < 0 || r.Offset+r.Length > len(src) || r.Error() == "" {
					t.Fatalf("%q: %+v", src, r)
				}
				continue
			}
			if n := len(v.JSON()); n > 32<<20 {
				t.Fatalf("%q made %d bytes", src, n)
			}
			c.Bool(fr)
		}
	})
}
