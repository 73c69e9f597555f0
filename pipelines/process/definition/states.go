package definition

import (
	"cmp"

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
func (c *compiler) statesOf(n *yamlfile.Node, outer *State) []*State {
	if n.Kind() != yamlfile.Map || len(n.Keys()) == 0 {
		if n != nil {
			n.Errorf("E293", "write states: {new: {next: [{goto: billing}]}, …}", "states are a map of names, this is %s", n.Kind())
		}
		return nil
	}
	var level, all []*State
	for key, value := range n.Entries() {
		s := &State{Name: key.Raw(), Line: key.Line(), node: value, Outer: outer}
		if !pipelines.IsName(s.Name) {
			key.Errorf("E293", "use letters, digits and _", "%q can't be the name of a state", s.Name)
		}
		if other := named(s.Name, all); other != nil {
			key.Errorf("E293", "rename one of them: states are found by name", "the state %s is declared twice (%s)", s.Name, other.Line)
		}
		level, all = append(level, s), append(all, s)
		all = append(all, c.branchesOf(s)...)
	}
	for _, s := range level {
		s.Level = level
	}
	return all
}

// branchesOf makes the states inside s.
func (c *compiler) branchesOf(s *State) (all []*State) {
	for key, value := range s.node.Get("parallel").Entries() {
		inner := value.Get("states")
		if inner == nil { // a branch of one state
			all = append(all, &State{Name: key.Raw(), Line: key.Line(), node: value, Outer: s})
			one := all[len(all)-1]
			one.Level = []*State{one}
			s.Branches = append(s.Branches, &Branch{key.Raw(), one})
			all = append(all, c.branchesOf(one)...)
			continue
		}
		value.Allow("branch", "states")
		if states := c.statesOf(inner, s); len(states) > 0 {
			s.Branches = append(s.Branches, &Branch{key.Raw(), states[0].Level[0]})
			all = append(all, states...)
		}
	}
	if list := s.node.Get("each"); list != nil {
		if inner := s.node.Get("states"); inner != nil {
			states := c.statesOf(inner, s)
			if len(states) > 0 {
				s.Each = &Each{Initial: states[0]}
			}
			all = append(all, states...)
		} else {
			list.Errorf("E294", "add states: and what is done for each element", "this state says nothing of what is done for each element")
		}
	}
	return all
}

func (c *compiler) compileStates() {
	seen := map[string]*State{}
	for _, s := range c.d.States {
		if other := seen[s.Name]; other != nil && other.Outer != s.Outer {
			s.node.Errorf("E293", "rename one of them: states are found by name", "the state %s is declared twice (%s)", s.Name, other.Line)
		}
		seen[s.Name] = s
		c.compileState(s)
	}
}

func (c *compiler) compileState(s *State) {
	var o stateSettings
	if s.node.Kind() == yamlfile.Null {
		s.node.Errorf("E295", "say what happens: next: [{goto: …}], or final: true", "the state %s says nothing", s.Name)
		return
	}
	s.node.Decode(&o, "state")
	s.Final = o.Final
	scope := c.scopeIn(s)
	c.b.Flow.Scope = scope
	if o.Parallel != nil && o.Each != nil {
		s.node.KeyNode("each").Errorf("E294", "nest one in a branch of the other", "a state has `parallel` or `each`, not both")
	}
	s.Steps = c.steps(s, o.Steps)
	if s.Each != nil {
		c.eachOf(s, o)
	}
	if o.Task != nil {
		s.Task = c.taskOf(s, o.Task)
	}
	if o.Compensate != nil {
		s.Compensates = c.scopeOf(o.Compensate)
	}
	s.Next = c.rules(s, o.Next)
	s.Receive = c.reactions(o.Receive, scope, s.Name+"/")
	c.b.Flow.Scope = scope
	s.Timers = c.timersOf(s, o.Timers)
	s.Errors = c.errorsOf(o.Errors, scope, s.Name+"/")
}

// scopeIn adds the ID of the task of s, and the element of the branches of `each` that it stands in.
func (c *compiler) scopeIn(s *State) *formula.Scope {
	scope := c.d.scope
	if s.node.Get("task") != nil {
		scope = scope.WithVar(TaskID, shape.StringType)
	}
	for o := s.Outer; o != nil; o = o.Outer {
		if o.Each != nil {
			scope = scope.WithVar(itemName(o), shape.AnyType).WithVar("index", shape.NumberType)
		}
	}
	return scope
}

func itemName(s *State) string {
	if n := s.node.Get("item"); n != nil {
		return n.Raw()
	}
	return "item"
}

func (c *compiler) eachOf(s *State, o stateSettings) {
	s.Each.List = c.b.Expr(o.Each, c.b.Flow.Scope)
	s.Each.Item, s.Each.As = itemName(s), o.As.Str()
	for _, n := range []*yamlfile.Node{o.Item, o.As} {
		if n != nil {
			pipelines.Named(n)
		}
	}
	if s.Each.List != nil {
		if t := s.Each.List.Type(); !t.IsAny() && t.Kind != shape.Array {
			o.Each.Errorf("E294", "name a list, as "+c.d.DataName+".items", "`each` takes a list, this is %s", t.Describe())
		}
	}
}

// steps compiles the steps of a state. What they leave in c.b.Flow is what its rules see.
func (c *compiler) steps(s *State, n *yamlfile.Node) []*Step {
	if !n.Is(yamlfile.List, "E307", "write a list: - call: billing.charge", "steps are a list") {
		return nil
	}
	var out []*Step
	for _, item := range n.Items() {
		if k := c.step(s, item); k != nil {
			out = append(out, k)
		}
	}
	return out
}

func (c *compiler) step(s *State, item *yamlfile.Node) *Step {
	if !c.fits(item) {
		return nil
	}
	k := &Step{Made: c.b.One(item, s.Name+"/", "compensate")}
	if as := item.Get("as"); as != nil {
		if as.Kind() == yamlfile.Map {
			as.Errorf("E306", "write as: and a name; in a pipeline `from: call` the parts of an answer can be told apart", "a process keeps an answer as one variable")
		}
		k.As = as.Raw()
	}
	if n := item.Get("compensate"); n != nil {
		if c.fits(n) {
			k.Compensation = &Compensation{When: c.b.Condition(n.Get("when"), c.b.Flow.Scope)}
			k.Compensation.Made = c.b.One(n, s.Name+"/compensate ", "when")
		}
	}
	if k.Run == nil {
		return nil
	}
	return k
}

// fits reports a step that has no meaning in a process.
func (c *compiler) fits(item *yamlfile.Node) bool {
	p := c.b.Pattern(item)
	if p == nil || p.Process {
		return true
	}
	item.KeyNode(p.Verb).Errorf("E296", cmp.Or(p.Instead, "move it to a pipeline with from: call, and call that here"), "the step %s has no meaning in a process: there is no message that goes on", p.Verb)
	return false
}

func (c *compiler) scopeOf(n *yamlfile.Node) *Scope {
	if n.Kind() == yamlfile.Scalar {
		if n.Raw() != "all" {
			n.Errorf("E297", "write compensate: all, or compensate: [billing]", "%q is not what can be undone", n.Raw())
		}
		return &Scope{}
	}
	u := &Scope{States: []string{}}
	for _, item := range n.Items() {
		u.States = append(u.States, c.stateName(item))
	}
	return u
}
