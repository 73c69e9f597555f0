package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/aggregate"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/enrich"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/process"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/route"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/scenario"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/split"
	"orderhub/pipelines/table"
	"orderhub/pipelines/translate"
	"orderhub/pipelines/validate"
	"orderhub/pipelines/yamlfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clientConfig struct {
	URL string            `yaml:"url" doc:"of the far end"`
	Ops map[string]string `yaml:"ops" doc:"its operations"`
	Dir string            `yaml:"dir" doc:"a folder"`

	From      string `yaml:"from" doc:"of whom"`
	Templates string `yaml:"templates" doc:"a folder"`
}

type sourceConfig struct{}

type sendConfig struct {
	To string `yaml:"to" doc:"to whom"`
}

// registry has components by the names of the real ones: adapters may not be imported here.
func registry(more ...pipelines.Pattern) *pipelines.Registry {
	component := func(name string) hub.Component {
		return hub.Component{Name: name, Config: func() any { return &clientConfig{} }, Send: func() any { return &sendConfig{} },
			Source: func() any { return &sourceConfig{} }, Answers: name == "http-server", Replies: name == "amqp",
			Ops: func(cfg any) (ops []string) {
				for op := range cfg.(*clientConfig).Ops {
					ops = append(ops, op)
				}
				return ops
			}}
	}
	reg := &pipelines.Registry{
		Patterns: append([]pipelines.Pattern{aggregate.Pattern(), call.Pattern(), count.Pattern(), enrich.Pattern(), fail.Pattern(), filter.Pattern(),
			idempotent.Pattern(), reply.Pattern(), route.Pattern(), scattergather.Pattern(), send.Pattern(), set.Pattern(), split.Pattern(),
			table.Pattern(), translate.Pattern(), validate.Pattern()}, append(process.Patterns(), more...)...),
		Funcs: table.Funcs(), Entry: idempotent.HeaderKey, Sections: []pipelines.Section{process.Section(), scenario.Section()},
	}
	for _, name := range []string{"http-server", "http-client", "files", "amqp", "smtp"} {
		c := component(name)
		if name == "amqp" {
			c.Carries = map[string]string{"direct": "", "topic": "", "fanout": "", "headers": ""}
		}
		reg.Components = append(reg.Components, c)
	}
	return reg
}

// bench is a configuration whose tests can be run.
type bench struct {
	lab  *scenario.Lab
	load func() (*pipelines.Plan, *yamlfile.Problems)
	plan *pipelines.Plan
}

func open(t *testing.T, path string, more ...pipelines.Pattern) *bench {
	t.Helper()
	reg := registry(more...)
	b := &bench{lab: scenario.NewLab(reg)}
	b.load = func() (*pipelines.Plan, *yamlfile.Problems) {
		l := yamlfile.NewLoader()
		l.Missing = func(*yamlfile.Node, string) (string, bool) { return "http://127.0.0.1:1", true }
		return pipelines.Load(path, reg, l)
	}
	plan, problems := b.load()
	if problems.Errors() > 0 {
		var w strings.Builder
		problems.WriteText(&w, true, false)
		t.Fatal(w.String())
	}
	b.plan = plan
	return b
}

// write makes a configuration of the text.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipelines.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the configuration's tests, by name.
func (b *bench) run(t *testing.T, o scenario.Options) map[string]scenario.Result {
	t.Helper()
	out := map[string]scenario.Result{}
	if err := b.lab.Tests(t.Context(), b.plan, scenario.Of(b.plan), o, func(r scenario.Result) { out[r.Name] = r }); err != nil {
		t.Fatal(err)
	}
	return out
}

// byName is a pattern of one test's name.
func byName(name string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.QuoteMeta(name) + "$")
}
