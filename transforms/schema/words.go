package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"orderhub/hub/doc"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var kindWords = map[string]string{"null": "null", "boolean": "true or false", "number": "a number", "integer": "a whole number",
	"string": "a string", "array": "an array", "object": "an object"}

func mustBe(want []string, got string) string {
	names := make([]string, 0, len(want)+1)
	for _, w := range want {
		if w != "null" {
			names = append(names, kindWords[w])
		}
	}
	if len(names) < len(want) {
		names = append(names, "null")
	}
	s := "must be " + strings.Join(names, " or ")
	switch {
	case got == "boolean":
		s += ", got a bool"
	case got == "number" && len(want) == 1 && want[0] == "integer":
		s += ", got a fraction"
	case got != "":
		s += ", got " + kindWords[got]
	}
	return s
}

// words says what is wrong with one value. Numbers are exact.
func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return compared("must be >= ", k.Want, k.Got)
	case *kind.ExclusiveMinimum:
		return compared("must be > ", k.Want, k.Got)
	case *kind.Maximum:
		return compared("must be <= ", k.Want, k.Got)
	case *kind.ExclusiveMaximum:
		return compared("must be < ", k.Want, k.Got)
	case *kind.MultipleOf:
		return compared("must be a multiple of ", k.Want, k.Got)
	case *kind.MinLength:
		return sized("at least", k.Want, k.Got, "character")
	case *kind.MaxLength:
		return sized("at most", k.Want, k.Got, "character")
	case *kind.MinItems:
		return sized("at least", k.Want, k.Got, "item")
	case *kind.MaxItems:
		return sized("at most", k.Want, k.Got, "item")
	case *kind.MinProperties:
		return sized("at least", k.Want, k.Got, "field")
	case *kind.MaxProperties:
		return sized("at most", k.Want, k.Got, "field")
	case *kind.Pattern:
		return "must match " + k.Want
	case *kind.Format:
		if k.Want == "regex" {
			return "is no regular expression of RE2: " + strings.TrimPrefix(k.Err.Error(), "error parsing regexp: ")
		}
		return "must be a valid " + k.Want
	case *kind.Enum:
		return oneOf(k.Want, k.Got)
	case *kind.Const:
		return oneOf([]any{k.Want}, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("items %d and %d are the same", k.Duplicates[0], k.Duplicates[1])
	case *kind.OneOf:
		return fmt.Sprintf("fits more than one of the allowed forms (%d and %d), exactly one must fit", k.Subschemas[0]+1, k.Subschemas[1]+1)
	case *kind.Contains:
		return "no item is as the schema wants at least one to be"
	case *kind.Not:
		return "has a form that is not allowed"
	case *kind.FalseSchema:
		return "is not allowed"
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

func compared(must string, want, got *big.Rat) string {
	return must + ratText(want) + ", got " + cut(ratText(got))
}

func sized(bound string, want, got int, thing string) string {
	if want == 1 && got == 0 {
		return "must not be empty"
	}
	if want != 1 {
		thing += "s"
	}
	return fmt.Sprintf("must have %s %d %s, got %d", bound, want, thing, got)
}

func oneOf(want []any, got any) string {
	const most = 12
	names := make([]string, 0, most+1)
	for i, w := range want {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, value(w))
	}
	s := "must be " + strings.Join(names, ", ")
	if len(want) > 1 {
		s = "must be one of " + strings.Join(names, ", ")
	}
	switch got.(type) {
	case []any, map[string]any:
		return s
	}
	return s + ", got " + value(got)
}

// value writes a value of a message, cut.
func value(x any) string {
	switch x := x.(type) {
	case string:
		return strconv.Quote(cut(x))
	case json.Number:
		return cut(string(x))
	}
	b, err := json.Marshal(x)
	if err != nil {
		return "?"
	}
	return cut(string(b))
}

// cut shortens a value for a message.
func cut(s string) string { return doc.Shorten(s, 40) }
