package daemon

import (
	"cmp"
	"fmt"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/units"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// question is a condition that somebody asks of messages, or of the rows of a table.
type question struct {
	formula *formula.Formula // nil: every one is meant
	clock   hub.Clock
	api.Asked
}

// ask compiles the condition of a parameter; "" is met by all. It has the names of a message, and those of the variables.
func (a *admin) ask(name, source string, vars ...string) (*question, error) {
	q := &question{clock: a.clock}
	if source == "" {
		return q, nil
	}
	scope := formula.NewScope()
	for _, name := range vars {
		scope = scope.WithVar(name, shape.AnyType)
	}
	f, errs := formula.CompileBool(source, scope)
	if f == nil {
		e := errs[0]
		return nil, api.BadQueryf("%s: %s, at character %d of %s. %s", name, e.Message, e.Offset+1, source, e.Help)
	}
	q.formula = f
	return q, nil
}

// meets tells whether m meets the condition. One of which that can't be told, such as a body that can't be read, does not, and is counted under name.
func (q *question) meets(name string, m *hub.Message, vars hub.Vars) bool {
	if q.formula == nil {
		return true
	}
	if m == nil {
		return false
	}
	x := hub.NewExchange(m, &hub.StageEnv{Clock: q.clock})
	x.Vars = vars
	met, err := q.formula.Bool(formula.NewFrame(x))
	if err != nil {
		q.Unclear++
		q.Why = cmp.Or(q.Why, fmt.Sprintf("%s: %v", name, err))
	}
	return met && err == nil
}

// before is the time that text means, such as 2d, which is two days ago; zero for "".
func (a *admin) before(name, text string) (time.Time, error) {
	return moment(a.clock.Now(), name, text)
}

func moment(now time.Time, name, text string) (time.Time, error) {
	at, err := units.ParseMoment(now, text)
	if err != nil {
		return at, api.BadQueryf("%s: %v", name, err)
	}
	return at, nil
}

// durationOf is the time span that text says.
func durationOf(name, text string) (time.Duration, error) {
	d, err := units.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, api.BadQueryf("%s is no time span: %q; write 90m, 12h or 2d", name, text)
	}
	return d, nil
}
