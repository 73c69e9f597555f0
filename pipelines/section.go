package pipelines

import (
	"slices"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Section is a top-level key of a configuration beside the core's own. It is
// read in two passes, so that the steps of pipelines may name what it holds, and
// its own steps may name pipelines. A nil func does nothing; both run only when the key is there.
type Section struct {
	Key     string
	Declare func(s *SectionBuild) // before any pipeline is compiled
	Compile func(s *SectionBuild) // behind all of them
}

// SectionBuild is where a section is read.
type SectionBuild struct {
	Node *yamlfile.Node // the value of the key
	Key  string

	plan *loading
}

func (l *loading) sectionNames() []string {
	return slices.Concat(sections, Names(l.reg.Sections, func(s Section) string { return s.Key }))
}

// readSections reads those that are there, in one of the two passes.
func (l *loading) readSections(root *yamlfile.Node, pass func(Section) func(*SectionBuild)) {
	for _, s := range l.reg.Sections {
		if n, read := l.section(root, s.Key), pass(s); n != nil && read != nil {
			read(&SectionBuild{Node: n, Key: s.Key, plan: l})
		}
	}
}

// Section is what the section with the key kept so far; nil: it is not there.
func (b *Build) Section(key string) any { return b.plan.Section(key) }

// Keep keeps v in the plan, for Plan.Section and for the steps that are compiled later.
func (s *SectionBuild) Keep(v any) {
	if s.plan.kept == nil {
		s.plan.kept = map[string]any{}
	}
	s.plan.kept[s.Key] = v
}

// Section is what the section with the key kept; nil: nothing.
func (p *Plan) Section(key string) any { return p.kept[key] }

// Func adds a function to all formulas that are compiled from here on.
func (s *SectionBuild) Func(name string, f formula.Func) {
	s.plan.scope = s.plan.scope.WithFunc(name, f)
}

// Pattern is the pattern of step n, nil when it has no verb.
func (s *SectionBuild) Pattern(n *yamlfile.Node) *Pattern { return s.plan.reg.Of(n) }

// Asked is what a step, or the source of a pipeline, asks: see Registry.Asked.
func (s *SectionBuild) Asked(n *yamlfile.Node) []*yamlfile.Node { return s.plan.reg.Asked(n) }

// Plan is the plan as far as it is read.
func (s *SectionBuild) Plan() *Plan { return s.plan.Plan }

// Faults is how many errors are found so far.
func (s *SectionBuild) Faults() int { return s.plan.problems.Errors() }

// Schema finds the schema that n names, and reports it when there is none.
func (s *SectionBuild) Schema(n *yamlfile.Node) *schema.Schema { return s.plan.schemaOf(n) }

// Answer is the type of what a call of name is answered; any value where nothing is known.
func (s *SectionBuild) Answer(name string) *shape.Type { return s.plan.answerShape(name) }

// Scope is the names and functions of every formula.
func (s *SectionBuild) Scope() *formula.Scope { return s.plan.scope }

// Channel finds the channel that n names, and reports it when there is none.
func (s *SectionBuild) Channel(n *yamlfile.Node) *Channel {
	name := n.Str()
	c := s.plan.Channel(name)
	if c == nil && name != "" && !s.plan.broken[name] {
		n.Errorf("E231", didYouMean(name, s.plan.channelNames()), "unknown channel %q", name)
	}
	return c
}

// Pipeline adds a pipeline that the section feeds itself: it is seen, paused and
// traced as the others are, and handles what lies in the queue. Its name must be new.
func (s *SectionBuild) Pipeline(key *yamlfile.Node, queue string) *Pipeline {
	CheckName(key, key.Raw(), s.Key)
	name := key.Raw()
	if other := s.plan.Pipeline(name); other != nil {
		key.Errorf("E222", "rename one of them", "%s is also the name of a pipeline (%s)", name, other.Line)
		return nil
	}
	p := &Pipeline{Name: name, Line: key.Line(), From: From{Section: s.Key}, node: key, keeps: true}
	p.Stages = []*engine.Stage{{Name: name, Queue: queue, Keeps: true, Bodies: s.plan.Bodies}}
	s.plan.Pipelines = append(s.plan.Pipelines, p)
	return p
}

// Build compiles steps of p, with the names that scope has.
func (s *SectionBuild) Build(p *Pipeline, n *yamlfile.Node, scope *formula.Scope) *Build {
	b := s.plan.build(p, n, scope)
	b.Flow.background = true
	return b
}

// Made is a step of a section's own list.
type Made struct {
	Site
	Run  hub.Step // nil: it has faults, which are reported
	Verb string
	Asks bool // it asks somebody: others may be waited for while it runs
}

// One compiles the step n alone. within stands before its label; beside are keys that belong to somebody else.
func (b *Build) One(n *yamlfile.Node, within string, beside ...string) Made {
	c := b.on(n, b.Flow, beside...)
	c.part, c.within = &part{}, within
	m := Made{Run: c.step(beside...)}
	if p := b.Pattern(n); p != nil {
		m.Verb = p.Verb
	}
	m.Site, m.Asks = c.Site, c.part.asks
	return m
}

// Retry is the policy that n names, or holds.
func (b *Build) Retry(n *yamlfile.Node) *hub.Retry { return b.plan.retry(n) }

// Unknown reports a name that is none of known, with the nearest one.
func Unknown(n *yamlfile.Node, code, kind, name string, known []string) {
	n.Errorf(code, didYouMean(name, known), "unknown %s %q", kind, name)
}

// To notes that messages go from here to the pipeline of a section.
func (b *Build) To(name, verb string) { b.leadsTo(Destination{To: name, Verb: verb}) }

// Reread parses YAML that the section kept earlier, for a second compilation
// beside the first: problems are its own.
func (s *SectionBuild) Reread(name string, text []byte) (*yamlfile.Node, *SectionBuild, *yamlfile.Problems) {
	l := *s.plan
	l.loader = yamlfile.NewLoader()
	l.loader.Env, l.loader.SecretsDir, l.loader.Missing = s.plan.loader.Env, s.plan.loader.SecretsDir, s.plan.loader.Missing
	l.problems = l.loader.Problems
	l.problems.Mask = s.plan.Mask
	n, ok := l.loader.Parse(name, text)
	if !ok {
		return nil, nil, l.problems
	}
	return n, &SectionBuild{Node: n, Key: s.Key, plan: &l}, l.problems
}

// Adopt takes over what another compilation of the pipeline runs beside it.
func (p *Pipeline) Adopt(o *Pipeline) {
	for _, a := range o.asides {
		if !slices.ContainsFunc(p.asides, func(have *engine.Stage) bool { return have.Queue == a.Queue }) {
			p.asides = append(p.asides, a)
		}
	}
}
