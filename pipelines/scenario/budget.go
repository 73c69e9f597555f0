package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// tooMany is the error of a test that has used up its steps. It names the states that
// the instance which moved last went through, else what ran last.
func (r *run) tooMany(queue string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, states := "", []string(nil)
	for _, n := range slices.Backward(r.history) {
		if n.What != "entered" || last != "" && n.Message != last {
			continue
		}
		if last = n.Message; len(states) == shownStates {
			break
		}
		states = append(states, n.Detail)
	}
	what := "there is more in " + queue
	if last != "" {
		slices.Reverse(states)
		what = last + " went … → " + strings.Join(states, " → ")
	}
	return fmt.Errorf("it does not come to rest within %d steps (`steps:` of the test): %s", r.test.steps, what)
}

// shownStates bounds how many states are named.
const shownStates = 6
