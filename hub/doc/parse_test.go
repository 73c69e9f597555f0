package doc_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub/doc"
)

func TestParseRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, src, code string
		line, col       int
		detail          string
	}{
		{"empty", "", doc.CodeEmptyBody, 1, 1, "the document is empty"},
		{"blank", " \r\n\t", doc.CodeEmptyBody, 2, 2, "the document is empty"},
		{"trailing data", "{} x", doc.CodeBadJSON, 1, 4, "expected nothing after the document, found 'x'"},
		{"second document", "{}\n{}", doc.CodeBadJSON, 2, 1, "expected nothing after the document, found '{'"},
		{"NaN", `{"a":NaN}`, doc.CodeBadJSON, 1, 6, "expected a value, found NaN"},
		{"minus infinity", `[-Infinity]`, doc.CodeBadJSON, 1, 3, "expected a digit, found Infinity"},
		{"BOM", "\xEF\xBB\xBF{}", doc.CodeBadJSON, 1, 1, "a byte order mark (BOM) before the document"},
		{"BOM inside", "[\xEF\xBB\xBF]", doc.CodeBadJSON, 1, 2, "expected a value, found a byte order mark (BOM)"},
		{"UTF-16", "\xFF\xFE{", doc.CodeBadUTF8, 1, 1, "the byte 0xFF is not UTF-8"},
		{"too deep", deep(65), doc.CodeTooDeep, 1, 65, "nested deeper than 64 levels"},
		{"too complex", "[" + strings.Repeat("[],", 100_000) + "[]]", doc.CodeTooComplex, 1, 299_999, "more than 100000 values"},
		{"duplicate key", "{\n\"amount\":1,\n  \"b\":2, \"amount\":3}", doc.CodeDuplicateKey, 3, 10, `duplicate key "amount"`},
		{"duplicate escaped", `{"a":1,"\u0061":2}`, doc.CodeDuplicateKey, 1, 8, `duplicate key "a"`},
		{"duplicate unescaped", `{"\u0061":1,"a":2}`, doc.CodeDuplicateKey, 1, 13, `duplicate key "a"`},
		{"duplicate of many", many(60, `"k7":1`), doc.CodeDuplicateKey, 1, 0, `duplicate key "k7"`},
		{"duplicate of the last of many", many(60, `"k59":1`), doc.CodeDuplicateKey, 1, 0, `duplicate key "k59"`},
		{"duplicate inside", `[{"x":{"a":1,"b":[],"a":1}}]`, doc.CodeDuplicateKey, 1, 21, `duplicate key "a"`},
		{"bad UTF-8", "{\"ä\":\"a\xFFb\"}", doc.CodeBadUTF8, 1, 8, "the byte 0xFF is not UTF-8"},
		{"bad UTF-8 in key", "{\"\xC3\":1}", doc.CodeBadUTF8, 1, 3, "the byte 0xC3 is not UTF-8"},
		{"overlong", "\"\xC0\x80\"", doc.CodeBadUTF8, 1, 2, "the byte 0xC0 is not UTF-8"},
		{"raw surrogate", "\"\xED\xA0\x80\"", doc.CodeBadUTF8, 1, 2, "the byte 0xED is not UTF-8"},
		{"lone high", `"ab\ud800"`, doc.CodeBadJSON, 1, 4, `lone surrogate \ud800 is no character`},
		{"lone low", `"\uDC00"`, doc.CodeBadJSON, 1, 2, `lone surrogate \uDC00 is no character`},
		{"two high", `"\ud800\ud800"`, doc.CodeBadJSON, 1, 2, `lone surrogate \ud800 is no character`},
		{"newline in string", "[\"a\nb\"]", doc.CodeBadJSON, 1, 4, `control character U+000A in a string; write it as an escape, as in \n or \u0009`},
		{"NUL in string", "\"\x00\"", doc.CodeBadJSON, 1, 2, `control character U+0000 in a string; write it as an escape, as in \n or \u0009`},
		{"open string", `["ab`, doc.CodeBadJSON, 1, 5, "a string is not closed: found the end of the document"},
		{"open escape", `["ab\`, doc.CodeBadJSON, 1, 6, "a string is not closed: found the end of the document"},
		{"bad escape", `"\x41"`, doc.CodeBadJSON, 1, 2, `\ is followed by 'x', which is no escape`},
		{"short escape", `"\u12"`, doc.CodeBadJSON, 1, 2, `\u is not followed by four hexadecimal digits`},
		{"leading zero", `[01]`, doc.CodeBadJSON, 1, 3, "expected no digit after a leading zero, found '1'"},
		{"no digit", `[-]`, doc.CodeBadJSON, 1, 3, "expected a digit, found ']'"},
		{"no fraction", `[1.]`, doc.CodeBadJSON, 1, 4, "expected a digit after the point, found ']'"},
		{"no exponent", `[1e+]`, doc.CodeBadJSON, 1, 5, "expected a digit in the exponent, found ']'"},
		{"plus", `[+1]`, doc.CodeBadJSON, 1, 2, "expected a value, found '+'"},
		{"exponent", `[1e401]`, doc.CodeBadJSON, 1, 2, `number "1e401": the exponent is beyond 400`},
		{"huge exponent", `[1e99999999999999999999]`, doc.CodeBadJSON, 1, 2, `number "1e99999999999999999999": the exponent is beyond 400`},
		{"literal", `[nul]`, doc.CodeBadJSON, 1, 2, "expected a value, found nul"},
		{"single quote", `{'a':1}`, doc.CodeBadJSON, 1, 2, `expected a key in quotes, found '\''`},
		{"comma at end", `{"a":1,}`, doc.CodeBadJSON, 1, 8, "expected a key in quotes, found '}'"},
		{"comma at end of array", `[1,]`, doc.CodeBadJSON, 1, 4, "expected a value, found ']'"},
		{"no comma", `{"a":1 "b":2}`, doc.CodeBadJSON, 1, 8, `expected ',' or '}' after a field, found '"'`},
		{"no colon", `{"a" 1}`, doc.CodeBadJSON, 1, 6, "expected ':' after a key, found '1'"},
		{"cut", `{"a":[1`, doc.CodeBadJSON, 1, 8, "expected ',' or ']' after an element, found the end of the document"},
		{"cut after colon", `{"a":`, doc.CodeBadJSON, 1, 6, "expected a value, found the end of the document"},
		{"other space", "[\v1]", doc.CodeBadJSON, 1, 2, `expected a value, found '\v'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := doc.Parse([]byte(tt.src))
			var se *doc.SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			if se.Code != tt.code || se.Detail != tt.detail {
				t.Errorf("got %s %q\nwant %s %q", se.Code, se.Detail, tt.code, tt.detail)
			}
			if se.Line != tt.line || tt.col != 0 && se.Col != tt.col {
				t.Errorf("got line %d column %d, want %d, %d", se.Line, se.Col, tt.line, tt.col)
			}
			if want := "line " + strconv.Itoa(se.Line) + " column " + strconv.Itoa(se.Col) + ": " + tt.detail; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
		})
	}
}

// many is an object of n keys k0, k1, ... and one more field at its end.
func many(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		b.WriteString(`"k` + strconv.Itoa(i) + `":` + strconv.Itoa(i) + `,`)
	}
	return b.String() + last + "}"
}

func TestParseAccepts(t *testing.T) {
	tests := []string{
		"null", " true ", "false", "0", "-0", "1.50", "1E+2", "12345678901234567890", `""`, `"\u0000\ud83d\ude00\/"`, "{}", "[]", "[ ]", "{ }",
		"\t{ \"a\" : [ 1 , { } ] }\r\n", "\"\x7f\u2028ä€😀\"", strings.Repeat("[", 64) + strings.Repeat("]", 64),
		"[" + strings.Repeat("0,", 99_998) + "0]", `{"a":1,"A":2}`, strings.Repeat("1", 1000), many(60, `"k60":1`), `{"":1}`,
	}
	for _, src := range tests {
		v, err := doc.Parse([]byte(src))
		if err != nil {
			t.Errorf("%.60s: %v", src, err)
			continue
		}
		if got, want := string(v.JSON()), strings.Trim(src, " \t\r\n"); got != want {
			t.Errorf("got %.60s, want %.60s", got, want)
		}
	}
}

func TestParseLimits(t *testing.T) {
	if _, err := doc.ParseLimits([]byte("[[1]]"), doc.Limits{Depth: 1}); err == nil || !strings.Contains(err.Error(), "deeper than 1") {
		t.Errorf("depth: %v", err)
	}
	if _, err := doc.ParseLimits([]byte("[1,2]"), doc.Limits{Nodes: 2}); err == nil || !strings.Contains(err.Error(), "more than 2 values") {
		t.Errorf("nodes: %v", err)
	}
	if _, err := doc.ParseLimits([]byte("[[1,2]]"), doc.Limits{Depth: 2, Nodes: 4}); err != nil {
		t.Error(err)
	}
}

// A limit of the work, not of the clock: 99,000 keys with the same bit in the filter would take minutes if they were compared pairwise.
func TestManyKeysAreNotQuadratic(t *testing.T) {
	src := []byte(many(99_000, `"last":[]`))
	start := time.Now()
	v, err := doc.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	var b doc.Builder
	b.BeginObject()
	for name, f := range v.Fields() {
		b.Key(name)
		b.Value(f)
	}
	b.EndObject()
	if !doc.Equal(b.Done(), v) || doc.Merge(v, v).Len() != 99_001 {
		t.Error("the copy differs")
	}
	if took := time.Since(start); took > time.Minute { // the machine may be busy
		t.Errorf("took %v", took)
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	v := parse(t, `{"a":1.50,"b":12345678901234567890,"c":-0.0,"d":1e2,"e":9007199254740993}`)
	for name, want := range map[string]string{"a": "1.50", "b": "12345678901234567890", "c": "0.0", "d": "100", "e": "9007199254740993"} {
		if got := v.Get(name).Num().String(); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := v.Get("d").Any(); got != json.Number("1e2") {
		t.Errorf("got %v", got)
	}
}

func parse(t testing.TB, src string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(src))
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return v
}
