package doc

import "testing"

// TestDiff: what differs, and nothing else, stands on either side; what is the same is missing.
func TestDiff(t *testing.T) {
	for _, c := range [][4]string{
		{`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, ``, ``},
		{`{"total":"12.9"}`, `{"total":"12.90"}`, `{"total":"12.9"}`, `{"total":"12.90"}`},
		{`{"n":1.0}`, `{"n":1}`, `{"n":1.0}`, `{"n":1}`},
		{`{"a":1,"gone":{"x":1}}`, `{"a":1,"new":[1]}`, `{"gone":{"x":1}}`, `{"new":[1]}`},
		{`{"a":1}`, `{"a":1,"b":null}`, ``, `{"b":null}`},
		{`{"a":null}`, `{}`, `{"a":null}`, ``},
		{`{"l":[{"s":"A","q":1},{"s":"B","q":2}]}`, `{"l":[{"s":"A","q":1},{"s":"B","q":3}]}`, `{"l":{"1":{"q":2}}}`, `{"l":{"1":{"q":3}}}`},
		{`[1,2]`, `[1,2,3]`, ``, `{"2":3}`},
		{`[1,2]`, `{"0":1}`, `[1,2]`, `{"0":1}`},
		{`"x"`, `"x"`, ``, ``},
	} {
		was, is := Diff(parsed(t, c[0]), parsed(t, c[1]))
		for i, v := range []Value{was, is} {
			got := string(v.JSON())
			if v.Kind() == Missing {
				got = ""
			}
			if got != c[2+i] {
				t.Errorf("%s and %s: %d is %s, want %s", c[0], c[1], i, got, c[2+i])
			}
		}
	}
	if was, is := Diff(Value{}, parsed(t, `{"a":1}`)); was.Kind() != Missing || string(is.JSON()) != `{"a":1}` {
		t.Errorf("of nothing: %v, %v", was, is)
	}
}

func parsed(t *testing.T, text string) Value {
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
