package process

import (
	"fmt"
	"slices"
	"time"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// stateSettings is an entry of `states:`.
type stateSettings struct {
	Steps      *yamlfile.Node `yaml:"steps" doc:"what is done when it is entered, one after another; the result of each call is stored before the next begins"`
	Parallel   *yamlfile.Node `yaml:"parallel" doc:"branches that run at once, each {steps: […]} or {states: {…}}; it goes on when all are done"`
	Each       *yamlfile.Node `yaml:"each" doc:"formula of a list: one branch for each element"`
	Item       *yamlfile.Node `yaml:"item" doc:"what formulas of such a branch call its element; default it's named item"`
	As         *yamlfile.Node `yaml:"as" doc:"variable that takes the results of the branches of each, in order"`
	States     *yamlfile.Node `yaml:"states" doc:"the states of a branch of each"`
	Compensate *yamlfile.Node `yaml:"compensate" doc:"all, or the states whose finished steps are undone here, newest first"`
	Task       *yamlfile.Node `yaml:"task" doc:"a question to a person: {group: desk, ask: {approve: bool}, due: 1d, late: {send: ops}}"`
	Next       *yamlfile.Node `yaml:"next" doc:"where it goes on, when steps and task are done: the first rule that holds"`
	Receive    *yamlfile.Node `yaml:"receive" doc:"events it takes when its steps are done: {card_updated: {set: {…}, goto: billing}}"`
	Timers     *yamlfile.Node `yaml:"timers" doc:"[{after: 7d, send: …}, {after: 14d, goto: cancelling}]; at: a time, cron: a schedule"`
	Errors     *yamlfile.Node `yaml:"errors" doc:"where errors of its steps lead: {out_of_stock: {goto: cancelling}}"`
	Final      bool           `yaml:"final" doc:"the process ends here"`
}

// statesOf makes the states that n names, so that rules may lead to those further down.
func (c *compiler) statesOf(n *yamlfile.Node, outer *state) []*state {
	if n.Kind() != yamlfile.Map || len(n.Keys()) == 0 {
		if n != nil {
			n.Errorf("E293", "write states: {new: {next: [{goto: billing}]}, …}", "states are a map of names, this is %s", n.Kind())
		}
		return nil
	}
	var level, all []*state
	for key, value := range n.Entries() {
		s := &state{name: key.Raw(), line: lineOf(key), node: value, outer: outer}
		if !isName(s.name) {
			key.Errorf("E293", "use letters, digits and _", "%q can't be the name of a state", s.name)
		}
		if other := c.named(s.name, all); other != nil {
			key.Errorf("E293", "rename one of them: states are found by name", "the state %s is declared twice (%s)", s.name, other.line)
		}
		level, all = append(level, s), append(all, s)
		all = append(all, c.branchesOf(s)...)
	}
	for _, s := range level {
		s.level = level
	}
	return all
}

// branchesOf makes the states inside s.
func (c *compiler) branchesOf(s *state) (all []*state) {
	for key, value := range s.node.Get("parallel").Entries() {
		inner := value.Get("states")
		if inner == nil { // a branch of one state
			all = append(all, &state{name: key.Raw(), line: lineOf(key), node: value, outer: s})
			one := all[len(all)-1]
			one.level = []*state{one}
			s.forks = append(s.forks, &fork{key.Raw(), one})
			all = append(all, c.branchesOf(one)...)
			continue
		}
		value.Allow("branch", "states")
		if states := c.statesOf(inner, s); len(states) > 0 {
			s.forks = append(s.forks, &fork{key.Raw(), states[0].level[0]})
			all = append(all, states...)
		}
	}
	if list := s.node.Get("each"); list != nil {
		if inner := s.node.Get("states"); inner != nil {
			states := c.statesOf(inner, s)
			if len(states) > 0 {
				s.each = &items{initial: states[0]}
			}
			all = append(all, states...)
		} else {
			list.Errorf("E294", "add states: and what is done for each element", "this state says nothing of what is done for each element")
		}
	}
	return all
}

func (c *compiler) named(name string, all []*state) *state {
	i := slices.IndexFunc(all, func(s *state) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

func lineOf(n *yamlfile.Node) string {
	file, line, _ := n.Pos()
	return fmt.Sprintf("%s:%d", file, line)
}

func (c *compiler) compileStates() {
	seen := map[string]*state{}
	for _, s := range c.d.states {
		if other := seen[s.name]; other != nil && other.outer != s.outer {
			s.node.Errorf("E293", "rename one of them: states are found by name", "the state %s is declared twice (%s)", s.name, other.line)
		}
		seen[s.name] = s
		c.compileState(s)
	}
}

func (c *compiler) compileState(s *state) {
	var o stateSettings
	if s.node.Kind() == yamlfile.Null {
		s.node.Errorf("E295", "say what happens: next: [{goto: …}], or final: true", "the state %s says nothing", s.name)
		return
	}
	s.node.Decode(&o, "state")
	s.final = o.Final
	scope := c.scopeIn(s)
	c.b.Flow.Scope = scope
	if o.Parallel != nil && o.Each != nil {
		s.node.KeyNode("each").Errorf("E294", "nest one in a branch of the other", "a state has `parallel` or `each`, not both")
	}
	s.steps = c.steps(s, o.Steps)
	if s.each != nil {
		c.eachOf(s, o)
	}
	if o.Task != nil {
		s.task = c.taskOf(s, o.Task)
	}
	if o.Compensate != nil {
		s.undo = c.undoOf(o.Compensate)
	}
	s.next = c.rules(s, o.Next)
	c.b.Flow.Scope = scope
	s.receive = c.reactions(o.Receive, s)
	s.timers = c.timersOf(s, o.Timers)
	s.errors = c.errorsOf(o.Errors, s.name+"/")
}

// scopeIn adds the ID of the task of s, and the element of the branches of `each` that it stands in.
func (c *compiler) scopeIn(s *state) *formula.Scope {
	scope := c.d.scope
	if s.node.Get("task") != nil {
		scope = scope.WithVar(taskID, shape.StringType)
	}
	for o := s.outer; o != nil; o = o.outer {
		if o.each != nil {
			scope = scope.WithVar(itemName(o), shape.AnyType).WithVar("index", shape.NumberType)
		}
	}
	return scope
}

func itemName(s *state) string {
	if n := s.node.Get("item"); n != nil {
		return n.Raw()
	}
	return "item"
}

func (c *compiler) eachOf(s *state, o stateSettings) {
	s.each.list = c.b.Expr(o.Each, c.b.Flow.Scope)
	s.each.item, s.each.as = itemName(s), o.As.Str()
	for _, n := range []*yamlfile.Node{o.Item, o.As} {
		if n != nil && !isName(n.Raw()) {
			n.Errorf("E306", "use letters, digits and _", "%q can't be a name in formulas", n.Raw())
		}
	}
	if s.each.list != nil {
		if t := s.each.list.Type(); !t.IsAny() && t.Kind != shape.Array {
			o.Each.Errorf("E294", "name a list, as "+c.d.dataName+".items", "`each` takes a list, this is %s", t.Describe())
		}
	}
}

// verbs are the steps that make sense where there is no message that goes on.
var verbs = []string{"call", "send", "set", "route", "validate", "scatter_gather", "signal", "start", "table", "count", "wire_tap", "fail"}

// steps compiles the steps of a state. What they leave in c.b.Flow is what its rules see.
func (c *compiler) steps(s *state, n *yamlfile.Node) []*step {
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.List {
		n.Errorf("E307", "write a list: - call: billing.charge", "steps are a list, this is %s", n.Kind())
		return nil
	}
	var out []*step
	for _, item := range n.Items() {
		if k := c.step(s, item); k != nil {
			out = append(out, k)
		}
	}
	return out
}

func (c *compiler) step(s *state, item *yamlfile.Node) *step {
	verb := c.b.Verb(item)
	if !c.fits(verb, item) {
		return nil
	}
	k := &step{Made: c.b.One(item, s.name+"/", "compensate")}
	if as := item.Get("as"); as != nil {
		k.as = as.Raw()
	}
	if n := item.Get("compensate"); n != nil {
		if inner := c.b.Verb(n); c.fits(inner, n) {
			k.compensate = &compensation{}
			if w := n.Get("when"); w != nil {
				k.compensate.when = c.b.Condition(w, c.b.Flow.Scope)
			}
			k.compensate.Made = c.b.One(n, s.name+"/compensate ", "when")
		}
	}
	if k.Run == nil {
		return nil
	}
	return k
}

// fits reports verbs that have no meaning in a process.
func (c *compiler) fits(verb string, item *yamlfile.Node) bool {
	if verb == "" || slices.Contains(verbs, verb) {
		return true
	}
	item.KeyNode(verb).Errorf("E296", "move it to a pipeline with from: call, and call that here", "the step %s has no meaning in a process: there is no message that goes on", verb)
	return false
}

func (c *compiler) undoOf(n *yamlfile.Node) *undo {
	if n.Kind() == yamlfile.Scalar {
		if n.Raw() != "all" {
			n.Errorf("E297", "write compensate: all, or compensate: [billing]", "%q is not what can be undone", n.Raw())
		}
		return &undo{}
	}
	u := &undo{states: []string{}}
	for _, item := range n.Items() {
		if c.d.state(item.Raw()) == nil {
			pipelines.Unknown(item, "E292", "state", item.Raw(), c.d.stateNames())
		}
		u.states = append(u.states, item.Raw())
	}
	return u
}

// taskSettings is `task:`.
type taskSettings struct {
	Group string         `yaml:"group" required:"true" doc:"who may answer it"`
	Ask   *yamlfile.Node `yaml:"ask" required:"true" doc:"the form: {approve: bool, amount: number, until: date, note: 'text?', kind: [a, b]}"`
	Show  *yamlfile.Node `yaml:"show" doc:"what the person sees beside the form"`
	Due   time.Duration  `yaml:"due" min:"1s" doc:"until when it is to be answered"`
	Late  *yamlfile.Node `yaml:"late" doc:"what is done when it was not: {send: ops.notices}, {goto: cancelling}"`
}

func (c *compiler) taskOf(s *state, n *yamlfile.Node) *task {
	var o taskSettings
	n.Decode(&o, "task")
	t := &task{group: o.Group, due: o.Due, ask: formOf(o.Ask)}
	if o.Show != nil {
		t.show = c.b.Value(o.Show, c.b.Flow.Scope, nil)
	}
	if o.Late != nil {
		t.late = c.reaction(o.Late, s.name+"/late ")
		if o.Due == 0 {
			o.Late.Errorf("E298", "add due: 1d", "`late` without `due` never happens")
		}
	}
	c.b.Flow.SetVar("task", answerShape(t.ask))
	return t
}

// deskOf reads `compensation:`.
type deskSettings struct {
	Group string         `yaml:"group" default:"operations" doc:"who may answer"`
	Due   time.Duration  `yaml:"due" min:"1s" doc:"until when"`
	Late  *yamlfile.Node `yaml:"late" doc:"what is done when nobody did"`
	Retry *yamlfile.Node `yaml:"retry" doc:"how a compensation is tried again before it goes to a person"`
}

func (c *compiler) desk(n *yamlfile.Node) desk {
	o := deskSettings{Group: "operations"}
	if n != nil {
		n.Decode(&o, "compensation")
	}
	d := desk{group: o.Group, due: o.Due}
	if o.Retry != nil {
		d.retry = c.b.Retry(o.Retry)
	}
	if o.Late != nil {
		d.late = c.reaction(o.Late, "compensation/late ")
	}
	return d
}
