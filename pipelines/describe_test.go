package pipelines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// described is what is known of a pipeline `p`, and those behind it, that is fed by a source which waits, with the schema files order.json and line.json.
func described(t *testing.T, from, steps string, more ...pipelines.Pattern) (all []hub.Description) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"order.json": `{"title":"An order","required":["lines"],"properties":{"lines":{"items":{"$ref":"line.json"}}}}`,
		"line.json":  `{"required":["sku"]}`,
		"pipelines.yaml": `
adapters: {web: {type: asking}}
schemas: {order: order.json}
channels: {a: {type: direct}}
pipelines:
  p:
    from: {web: POST /p` + from + `}
    steps: ` + steps,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type none struct{}
	reg := language()
	reg.Patterns = append(reg.Patterns, more...)
	reg.Components = []hub.Component{{Name: "asking", Answers: true, Config: func() any { return &none{} }, Source: func() any { return &none{} }}}
	plan, problems := pipelines.Load(filepath.Join(dir, "pipelines.yaml"), &reg, yamlfile.NewLoader())
	if problems.Errors() > 0 {
		t.Fatal(problems.All())
	}
	for _, p := range plan.Pipelines {
		all = append(all, p.Description)
	}
	return all
}

func TestDescribeReplies(t *testing.T) {
	for _, c := range []struct {
		name, steps, want string
	}{
		{"none", `[{send: a}]`, "[] false"},
		{"last", `[{send: a}, {reply: 204}]`, "[204] false"},
		{"others behind it", `[{reply: 202}, {send: a}]`, "[202] true"},
		{"no status", `[{reply: {body: {x: 1}}}]`, "[200] false"},
		{"a body that may be nothing", `[{reply: {body: =body.x}}]`, "[200 404] false"},
		{"with its own status", `[{reply: {status: 201, body: =body.x}}]`, "[201] false"},
		{"by a formula", `[{reply: "=body.ok ? 200 : 402"}]`, "[0] false"},
		{"status by a formula", `[{reply: {status: "=body.code", body: =body}}]`, "[0] false"},
		{"under a condition", `[{reply: 200, when: body.ok == true}]`, "[200 202] false"},
		{"behind a filter", `[{filter: body.ok == true}, {reply: 200}]`, "[200 202] false"},
		{"behind a duplicate that gets its own", `[{idempotent: {key: body.id, duplicate: same_reply}}, {reply: 201}]`, "[201] false"},
		{"behind a duplicate that is dropped", `[{idempotent: body.id}, {reply: 201}]`, "[201 202] false"},
		{"in branches", `[{route: [{when: body.a == 1, reply: 200}, {when: body.a == 2, steps: [{send: a}, {reply: 402}]}, {else: true, reply: 200}]}]`, "[200 202 402] false"},
		{"in a split", `[{split: {each: body.lines, steps: [{reply: 207}]}}]`, "[202 207] false"},
		{"what only looks like one", `[{translate: {reply: 500}}, {reply: 200}]`, "[200] false"},
		{"of an error", "[{send: a}, {reply: 200}]\n    errors: {invalid: {reply: 418}, rejected: [{send: a}, {reply: 303}], other: {retry: never}}", "[200 303 418] false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := described(t, "", c.steps)[0]
			if got := fmt.Sprint(d.Statuses, d.Behind); got != c.want || d.Pipeline != "p" || d.Schema != "" {
				t.Errorf("%+v: %s, want %s", d, got, c.want)
			}
		})
	}
}

// TestDescribeSchema: the schema is a component, with the files that it names, and none has the name of another.
func TestDescribeSchema(t *testing.T) {
	d := described(t, ", schema: order", "[{reply: {body: {done: true}}}]\n  p.line:\n    from: {web: POST /line, schema: order}\n    steps: [{reply: 200}]\n  Problem:\n    from: {web: POST /problem, schema: order}\n    steps: [{reply: 200}]")
	want := map[string]string{"p": `{"title":"An order","required":["lines"],"properties":{"lines":{"items":{"$ref":"#/components/schemas/p.line"}}}}`, "p.line": `{"required":["sku"]}`,
		"p.reply": `{"type":"object","properties":{"done":{"type":"boolean"}},"required":["done"],"additionalProperties":false}`}
	for name, text := range want {
		if got := string(d[0].Schemas[name]); got != text {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := fmt.Sprintln(len(d[0].Schemas), d[0].Schema, d[0].Reply, d[1].Schema, d[2].Schema); got != "3 p p.reply p.line_ Problem_\n" {
		t.Error(got)
	}
}
