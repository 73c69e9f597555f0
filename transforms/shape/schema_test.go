package shape

import "testing"

// Whatever is of a type fits its schema: what may be null may be missing, and of what nothing is known nothing is said.
func TestSchema(t *testing.T) {
	for _, c := range []struct {
		of   *Type
		want string
	}{
		{nil, `{}`},
		{OrNull(NumberType), `{"type":["number","null"]}`},
		{NullType, `{"type":"null"}`},
		{OrNull(EnumOf("a", "b")), `{"type":["string","null"],"enum":["a","b",null]}`},
		{ArrayOf(BoolType), `{"type":"array","items":{"type":"boolean"}}`},
		{ArrayOf(nil), `{"type":"array"}`},
		{OpenObject, `{"type":"object"}`},
		{MapType(StringType), `{"type":"object","additionalProperties":{"type":"string"}}`},
		{ObjectType(Field{"a", StringType, true}, Field{"b", OrNull(StringType), true}, Field{"c", nil, true}, Field{"d", NumberType, false}),
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["string","null"]},"c":{},"d":{"type":"number"}},"required":["a"],"additionalProperties":false}`},
	} {
		if got := string(c.of.Schema().JSON()); got != c.want {
			t.Errorf("%v: %s, want %s", c.of, got, c.want)
		}
	}
}
