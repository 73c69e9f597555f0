package schema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"orderhub/hub/doc"
)

// fault is one thing that is wrong in a document.
type fault struct {
	tokens []string // of the JSON Pointer
	detail string
	wants  []string // the kinds that were expected, of a value of another kind
}

// explain lists what is wrong, in the order of the pointers.
func explain(e *jsonschema.ValidationError) []fault {
	all := explainOne(e)
	slices.SortStableFunc(all, func(a, b fault) int {
		if c := slices.CompareFunc(a.tokens, b.tokens, compareTokens); c != 0 {
			return c
		}
		return compareTokens(a.detail, b.detail)
	})
	return slices.CompactFunc(all, func(a, b fault) bool { return slices.Equal(a.tokens, b.tokens) && a.detail == b.detail })
}

// compareTokens compares indexes as numbers.
func compareTokens(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return i - j
	}
	return strings.Compare(a, b)
}

func explainOne(e *jsonschema.ValidationError) []fault {
	at := func(detail string) []fault { return []fault{{tokens: e.InstanceLocation, detail: detail}} }
	each := func(names []string, detail string) (all []fault) {
		for _, name := range names {
			all = append(all, fault{tokens: slices.Concat(e.InstanceLocation, []string{name}), detail: detail})
		}
		return all
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return []fault{{e.InstanceLocation, mustBe(k.Want, k.Got), k.Want}}
	case *kind.Required:
		return each(k.Missing, "is required")
	case *kind.DependentRequired:
		return each(k.Missing, "is required beside "+k.Prop)
	case *kind.AdditionalProperties:
		return each(k.Properties, "is not a known field")
	case *kind.PropertyNames:
		return at("the field name " + strconv.Quote(k.Property) + " is not allowed")
	case *kind.AnyOf:
		return choose(e)
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return choose(e)
		}
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		var all []fault
		for _, cause := range e.Causes {
			all = append(all, explainOne(cause)...)
		}
		if all != nil {
			return all
		}
	}
	return at(words(e.ErrorKind))
}

// choose explains why none of several forms fits. Forms of another kind of value are not what was meant; of the others the nearest is told.
func choose(e *jsonschema.ValidationError) []fault {
	var wants []string
	var near [][]fault
	for _, cause := range e.Causes {
		faults := explainOne(cause)
		i := slices.IndexFunc(faults, func(f fault) bool { return f.wants != nil && len(f.tokens) == len(e.InstanceLocation) })
		if i >= 0 {
			wants = append(wants, faults[i].wants...)
		} else if len(faults) > 0 {
			near = append(near, faults)
		}
	}
	switch len(near) {
	case 0:
		slices.Sort(wants)
		return []fault{{e.InstanceLocation, mustBe(slices.Compact(wants), gotOf(e)), wants}}
	case 1:
		return near[0]
	}
	best := slices.MinFunc(near, func(a, b []fault) int { return len(a) - len(b) })
	first := best[0]
	rest := doc.Pointer(first.tokens[len(e.InstanceLocation):]...)
	if rest != "" {
		rest += " "
	}
	return []fault{{tokens: e.InstanceLocation, detail: "fits none of the " + strconv.Itoa(len(e.Causes)) + " allowed forms; the nearest: " +
		rest + first.detail}}
}

// gotOf is the kind of the value, which a cause knows.
func gotOf(e *jsonschema.ValidationError) string {
	for _, cause := range e.Causes {
		if k, ok := cause.ErrorKind.(*kind.Type); ok {
			return k.Got
		}
		if got := gotOf(cause); got != "" {
			return got
		}
	}
	return ""
}
