package pipelines_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/aggregate"
	"orderhub/pipelines/call"
	"orderhub/pipelines/contentfilter"
	"orderhub/pipelines/count"
	"orderhub/pipelines/enrich"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/process"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/route"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/split"
	"orderhub/pipelines/table"
	"orderhub/pipelines/translate"
	"orderhub/pipelines/validate"
	"orderhub/pipelines/wiretap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// language is all patterns, with some of the words that are not available yet. The hub's own list is in cmd/hub.
func language() pipelines.Registry {
	return pipelines.Registry{
		Patterns: append(process.Patterns(),
			translate.Pattern(), set.Pattern(), filter.Pattern(), validate.Pattern(), route.Pattern(),
			split.Pattern(), aggregate.Pattern(), enrich.Pattern(), contentfilter.Pattern(), idempotent.Pattern(),
			wiretap.Pattern(), scattergather.Pattern(), send.Pattern(), call.Pattern(), reply.Pattern(),
			fail.Pattern(), count.Pattern(), table.Pattern(),
		),
		Sections: []pipelines.Section{process.Section()},
		Funcs:    table.Funcs(),
		Entry:    idempotent.HeaderKey,
		Foreign:  map[string]string{"choice": "route", "mapping": "translate", "log": "nothing: every step is in `hub trace`; or wire_tap"},
		Later: map[string]bool{"tests": true, "via": true, "goto": true, "compensate": true, "shadow": true,
			"claim_check": true, "delay": true, "type: kafka": true},
	}
}

func checkPlace(arg string) []hub.FieldFault {
	if !strings.HasPrefix(arg, "queue ") {
		return []hub.FieldFault{{Message: "\"" + arg + "\" is no queue", Help: "write queue orders"}}
	}
	return nil
}

// shelf are components as the real ones look to the loader. They are never opened.
func shelf() []hub.Component {
	type web struct {
		Listen  string `yaml:"listen" default:":8080" doc:"address"`
		MaxBody int64  `yaml:"max_body" unit:"bytes" default:"1MiB" max:"64MiB" doc:"largest body"`
	}
	type webSource struct {
		MaxAge string `yaml:"max_age" doc:"age"`
	}
	type client struct {
		URL     string            `yaml:"url" required:"true" doc:"base"`
		Ops     map[string]any    `yaml:"ops" doc:"operations"`
		Bearer  hub.Secret        `yaml:"bearer" word:"link" doc:"token"`
		Headers map[string]string `yaml:"headers" doc:"of every request"`
	}
	type mail struct {
		From string `yaml:"from" required:"true" doc:"sender"`
	}
	type mailSend struct {
		To      string `yaml:"to" required:"true" doc:"addresses"`
		Subject string `yaml:"subject" doc:"subject"`
	}
	open := func(any, *hub.Env) (*hub.Adapter, error) { return nil, errors.New("never opened") }
	return []hub.Component{
		{Name: "http-server", Answers: true, Open: open, Config: func() any { return &web{} }, Source: func() any { return &webSource{} },
			Check: func(cfg any, _ *hub.Env) []hub.FieldFault {
				if cfg.(*web).Listen == "nowhere" {
					return []hub.FieldFault{{Path: "listen", Message: "nowhere is no address", Help: "write :8080"}}
				}
				return nil
			}},
		{Name: "http-client", Open: open, Config: func() any { return &client{} }, Ops: func(cfg any) []string {
			var ops []string
			for _, op := range []string{"charge", "refund", "quote"} {
				if _, ok := cfg.(*client).Ops[op]; ok {
					ops = append(ops, op)
				}
			}
			return ops
		}, Expects: func(cfg any, op string) (out []hub.Expected) {
			entry, _ := cfg.(*client).Ops[op].(map[string]any)
			list, _ := entry["expect"].([]any)
			for _, status := range list {
				out = append(out, hub.Expected{Status: fmt.Sprint(status)})
			}
			if list == nil {
				out = []hub.Expected{{Status: "2xx"}}
			}
			return out
		}},
		{Name: "amqp", Open: open, Config: func() any { return &client{} }, Source: func() any { return &webSource{} }, Send: func() any { return &webSource{} },
			Replies: true, Carries: map[string]string{"direct": "", "fanout": "", "topic": "its readers filter"},
			CheckSource: func(arg string, _ any) []hub.FieldFault { return checkPlace(arg) }, CheckTarget: checkPlace},
		{Name: "smtp", Open: open, Config: func() any { return &mail{} }, Send: func() any { return &mailSend{} }},
	}
}
