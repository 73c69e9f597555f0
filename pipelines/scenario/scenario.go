// Package scenario runs the tests of a configuration: what comes in, how time
// goes by, and what must have happened. The hub is the real one, over a store
// in memory, on virtual time, one message at a time; all that is outside of it
// is played. Under chaos a test is run again with a crash at each place where
// one can happen, with every message twice, and in other orders: the end must be the same.
package scenario

import (
	"context"
	"time"

	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// Key is the top-level key of tests.
const Key = "tests"

// Section is the key `tests:` of a configuration: its tests are checked when it
// is loaded. It stands behind the sections whose names tests may use.
func Section() pipelines.Section {
	return pipelines.Section{Key: Key, Compile: func(s *pipelines.SectionBuild) { s.Keep(Read(s.Node, s.Node.Root(), s.Asked)) }}
}

// Of are the tests in the configuration file of a plan.
func Of(p *pipelines.Plan) []*Test {
	tests, _ := p.Section(Key).([]*Test)
	return tests
}

// Test is an entry of `tests:`.
type Test struct {
	Name    string
	Line    string // file:line:col
	Subject string // the pipeline, channel or process that it is about

	root   *yamlfile.Node // of the configuration
	chaos  []string
	start  time.Time
	mocks  map[string]*mock
	tables []row
	items  []*item
	steps  int  // how many messages one run of it may set going
	alerts bool // the hub looks at its alerts
	dead   bool // it says what dead letters there are
}

// The kinds of chaos.
const (
	crash     = "crash"     // a kill at each place
	duplicate = "duplicate" // what may come twice comes twice
	reorder   = "reorder"   // what has no order comes in another one
)

var everyChaos = []string{crash, duplicate, reorder}

// row is a row that is in a table before the test begins.
type row struct {
	table, key string
	value      *value
}

// item is an entry of `do:`. What it does is settled before its checks are made.
type item struct {
	line   string
	act    act    // nil: nothing
	reply  *reply // of what it posts
	checks []*check
}

// reply is what whoever posted was answered.
type reply struct {
	status  int
	headers map[string]string
	body    doc.Value
	wanted  bool // an expectation says something of it
}

// check is an entry of `expect:`.
type check struct {
	line  string
	about []string // channels and adapters: what came to them is seen then
	made  look
}

// act does what an item says, and look gives what a check found instead of what it expects; nil: all is as expected.
type (
	act  func(ctx context.Context, r *run) error
	look func(ctx context.Context, r *run) *miss
)

// miss is what a check found instead.
type miss struct{ expected, got, why string }
