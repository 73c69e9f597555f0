package yamlfile

import (
	"cmp"
	"slices"

	"orderhub/hub"
)

// Severity says whether a configuration can run.
type Severity int

// An Error keeps the configuration from running, a Warning does not.
const (
	Error Severity = iota
	Warning
)

// String gives "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is one thing wrong with a configuration, and what to write instead.
type Problem struct {
	File     string // as it was given to the loader
	Line     int    // from 1; 0: the whole file
	Col      int    // from 1, in runes; 0: the whole line
	EndCol   int    // first column behind the offending part
	Severity Severity
	Code     string // stable, one per kind of problem: E101
	Message  string // what is wrong
	Help     string // what to write; may be empty
}

// Problems collects; it never stops at the first. The zero value is ready.
type Problems struct {
	list    []Problem
	seen    map[Problem]bool
	sources map[string]*source
	Mask    *hub.Masker // hides the values of secrets in what is added; nil: nothing is hidden
}

// Add records a problem. An exact duplicate is dropped.
func (p *Problems) Add(x Problem) {
	x.Message, x.Help = concealURLs(p.Mask.Text(x.Message)), concealURLs(p.Mask.Text(x.Help))
	if p.seen[x] {
		return
	}
	if p.seen == nil {
		p.seen = map[Problem]bool{}
	}
	p.seen[x] = true
	p.list = append(p.list, x)
}

// Errors counts the problems that keep the configuration from running.
func (p *Problems) Errors() int { return p.count(Error) }

// Warnings counts the others.
func (p *Problems) Warnings() int { return p.count(Warning) }

func (p *Problems) count(s Severity) (n int) {
	for _, x := range p.list {
		if x.Severity == s {
			n++
		}
	}
	return n
}

// All gives the problems sorted by file, line and column.
func (p *Problems) All() []Problem {
	all := slices.Clone(p.list)
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return all
}

func (p *Problems) addSource(s *source) {
	if p.sources == nil {
		p.sources = map[string]*source{}
	}
	p.sources[s.name] = s
}
