package scenario

import "orderhub/pipelines"

// Key is the top-level key of tests.
const Key = "tests"

// Section is the key `tests:` of a configuration: its tests are checked when it
// is loaded. It stands behind the sections whose names tests may use.
func Section() pipelines.Section {
	return pipelines.Section{Key: Key, Compile: func(s *pipelines.SectionBuild) { s.Keep(Read(s.Node, s.Node.Root())) }}
}

// Of are the tests in the configuration file of a plan.
func Of(p *pipelines.Plan) []*Test {
	tests, _ := p.Section(Key).([]*Test)
	return tests
}
