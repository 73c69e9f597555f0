package definition

import (
	"testing"

	"orderhub/transforms/shape"
)

func untyped(string) *shape.Type { return shape.AnyType }

func TestContradict(t *testing.T) {
	const approved = `charge.result == "approved"`
	for name, c := range map[string]struct {
		effect, holds string
		fails         []string
		want          bool
	}{
		"another constant":              {approved, `charge.result == "expired"`, nil, true},
		"the same constant":             {approved, approved, nil, false},
		"not the same":                  {approved, `charge.result != "approved"`, nil, true},
		"not another":                   {approved, `charge.result != "expired"`, nil, false},
		"another path":                  {approved, `charge.state == "expired"`, nil, false},
		"the constant first":            {approved, `"expired" == charge.result`, nil, true},
		"an optional path":              {approved, `charge?.result == "expired"`, nil, true},
		"negated":                       {approved, `not (charge.result == "approved")`, nil, true},
		"nothing said":                  {approved, "", nil, false},
		"no effect condition":           {"", `charge.result == "expired"`, nil, false},
		"a rule before it":              {approved, "", []string{approved}, true},
		"another rule before it":        {approved, "", []string{`charge.result == "expired"`}, false},
		"one of two rules before it":    {approved, "", []string{`charge.total == 0`, approved}, true},
		"and something more":            {approved, `charge.result == "expired" and order.total > 10`, nil, true},
		"or something more":             {approved, `charge.result == "expired" or order.total > 10`, nil, false},
		"or another":                    {approved, `charge.result == "expired" || charge.result == "declined"`, nil, true},
		"a rule with more before it":    {approved, "", []string{approved + ` and order.total > 10`}, false},
		"a rule with less before it":    {approved, "", []string{approved + ` or order.total > 10`}, true},
		"a list":                        {approved, `charge.result in ["expired", "declined"]`, nil, true},
		"a list with it":                {approved, `charge.result in ["expired", "approved"]`, nil, false},
		"no list with it":               {approved, `charge.result not in ["expired", "approved"]`, nil, true},
		"an effect of two":              {`charge.result in ["approved", "held"]`, "", []string{approved, `charge.result == "held"`}, true},
		"an effect of two, one left":    {`charge.result in ["approved", "held"]`, "", []string{approved}, false},
		"an effect and more":            {approved + ` and charge.total != 0`, `charge.total == 0`, nil, true},
		"numbers":                       {`charge.code == 0`, `charge.code == 7`, nil, true},
		"equal numbers":                 {`charge.code == 7`, `charge.code == 7.0`, nil, false},
		"number and text":               {`charge.code == 7`, `charge.code == "7"`, nil, true},
		"a flag":                        {`charge.ok`, `not charge.ok`, nil, true},
		"a flag compared":               {`charge.ok`, `charge.ok == false`, nil, true},
		"a flag failed":                 {`charge.ok`, "", []string{`charge.ok`}, true},
		"null":                          {`charge.id != null`, `charge.id == null`, nil, true},
		"a computed value says nothing": {`len(charge.id) == 3`, `len(charge.id) == 4`, nil, false},
		"an order says nothing":         {`charge.total > 10`, `charge.total < 5`, nil, false},
	} {
		if got := contradict(untyped, c.effect, c.holds, c.fails); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A condition with more alternatives than are followed says nothing; it neither takes for ever nor is wrong.
func TestContradictIsBounded(t *testing.T) {
	many := `a.x == 1`
	for range 12 {
		many = "(" + many + ` or b.y == 2) and (c.z == 3 or d.w == 4)`
	}
	if contradict(untyped, `e.v == 5`, many, []string{many, many}) {
		t.Error("what says nothing of it contradicts it")
	}
}
