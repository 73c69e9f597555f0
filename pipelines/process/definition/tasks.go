package definition

import (
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/units"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// TaskID is what formulas of a state with a task call the ID of that task: that
// of the visit, so that a mail can name the task before it is open.
const TaskID = "task_id"

// taskSettings is `task:`.
type taskSettings struct {
	Group string         `yaml:"group" required:"true" doc:"who may answer it"`
	Ask   *yamlfile.Node `yaml:"ask" doc:"the form: {approve: bool, amount: number, until: date, note: 'text?', kind: [a, b]}; left out, the answer says only that it is done"`
	Show  *yamlfile.Node `yaml:"show" doc:"what the person sees beside the form"`
	Due   time.Duration  `yaml:"due" min:"1s" doc:"until when it is to be answered"`
	Late  *yamlfile.Node `yaml:"late" doc:"what is done when it was not: {send: ops.notices}, {goto: cancelling}"`
}

func (c *compiler) taskOf(s *State, n *yamlfile.Node) *Task {
	var o taskSettings
	n.Decode(&o, "task")
	t := &Task{Group: o.Group, Due: o.Due, Ask: formOf(o.Ask)}
	t.Show = c.b.Value(o.Show, c.b.Flow.Scope, nil)
	if o.Late != nil {
		t.Late = c.reaction(o.Late, s.Name+"/late ")
		if o.Due == 0 {
			o.Late.Errorf("E298", "add due: 1d", "`late` without `due` never happens")
		}
	}
	c.b.Flow.SetVar("task", answerShape(t.Ask))
	return t
}

// deskSettings is `compensation:`.
type deskSettings struct {
	Group string         `yaml:"group" default:"operations" doc:"who may answer"`
	Due   time.Duration  `yaml:"due" min:"1s" doc:"until when"`
	Late  *yamlfile.Node `yaml:"late" doc:"what is done when nobody did"`
	Retry *yamlfile.Node `yaml:"retry" doc:"how a compensation is tried again before it goes to a person"`
}

// DefaultDesk is the group that gets a compensation where the process names none.
func DefaultDesk() string { return units.Defaults[deskSettings]().Group }

func (c *compiler) desk(n *yamlfile.Node) Desk {
	var o deskSettings
	n.Decode(&o, "compensation")
	d := Desk{Group: o.Group, Due: o.Due}
	if o.Retry != nil {
		d.Retry = c.b.Retry(o.Retry)
	}
	if o.Late != nil {
		d.Late = c.reaction(o.Late, "compensation/late ")
	}
	return d
}

// Field is one field of a task's form.
type Field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // bool, text, number, date, choice
	Optional bool     `json:"optional,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

var fieldTypes = []string{"bool", "text", "number", "date"}

// formOf reads the form of a task: {approve: bool, note: "text?", kind: [a, b]}.
func formOf(n *yamlfile.Node) []Field {
	var out []Field
	if n == nil {
		return nil
	}
	if !n.Is(yamlfile.Map, "E298", `write ask: {approve: bool, note: "text?"}`, "`ask` is a map of fields and their types") {
		return nil
	}
	for key, value := range n.Entries() {
		f := Field{Name: key.Raw()}
		pipelines.Named(key)
		if value.Kind() == yamlfile.List {
			f.Type = "choice"
			for _, item := range value.Items() {
				f.Choices = append(f.Choices, item.Str())
			}
		} else {
			f.Type, f.Optional = strings.CutSuffix(value.Str(), "?")
			if !slices.Contains(fieldTypes, f.Type) {
				value.Errorf("E298", "write bool, text, number, date, or a list of choices; in quotes with ? it may be left out: \"text?\"", "%q is no type of a field", value.Raw())
			}
		}
		out = append(out, f)
	}
	return out
}

// answerShape is the type of the variable `task` behind the answer.
func answerShape(ask []Field) *shape.Type {
	fields := []shape.Field{{Name: "by", Type: shape.StringType, Required: true}, {Name: "at", Type: shape.StringType, Required: true}}
	for _, f := range ask {
		t := shape.StringType
		switch f.Type {
		case "bool":
			t = shape.BoolType
		case "number":
			t = shape.NumberType
		case "choice":
			t = shape.EnumOf(f.Choices...)
		}
		fields = append(fields, shape.Field{Name: f.Name, Type: t, Required: !f.Optional})
	}
	return shape.ObjectType(fields...)
}

// CheckAnswer holds an answer to the form: every fault at once, as an invalid message with fields.
func CheckAnswer(ask []Field, answer doc.Value) error {
	var faults []hub.FieldError
	fault := func(name, detail string) {
		faults = append(faults, hub.FieldError{Pointer: "/" + name, Detail: detail})
	}
	for _, f := range ask {
		v := answer.Get(f.Name)
		switch {
		case v.IsNull() && !f.Optional:
			fault(f.Name, "is missing: give a "+f.want())
		case v.IsNull():
		case !f.takes(v):
			fault(f.Name, "must be a "+f.want()+", not "+v.String())
		}
	}
	for name := range answer.Fields() {
		if !slices.ContainsFunc(ask, func(f Field) bool { return f.Name == name }) {
			fault(name, "is no field of the form: "+strings.Join(pipelines.Names(ask, func(f Field) string { return f.Name }), ", "))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	said := pipelines.Names(faults, func(f hub.FieldError) string { return f.Pointer[1:] + " " + f.Detail })
	e := hub.Fail(hub.Invalid, "answer", "%s", strings.Join(said, "; ")).Tell()
	e.Fields = faults
	return e
}

func (f Field) want() string {
	if f.Type == "choice" {
		return "choice of " + strings.Join(f.Choices, ", ")
	}
	return f.Type
}

func (f Field) takes(v doc.Value) bool {
	switch f.Type {
	case "bool":
		return v.Kind() == doc.Bool
	case "number":
		return v.Kind() == doc.Number
	case "choice":
		return slices.Contains(f.Choices, v.Str())
	case "date":
		_, err := time.Parse(time.DateOnly, v.Str())
		return err == nil
	}
	return v.Kind() == doc.String
}

// Typed reads the texts of an answer by the form, as people and web forms write
// them; what does not fit stays as it is, for checkAnswer to tell.
func Typed(ask []Field, answer doc.Value) doc.Value {
	var fields []doc.Field
	for name, v := range answer.Fields() {
		if i := slices.IndexFunc(ask, func(f Field) bool { return f.Name == name }); i >= 0 && v.Kind() == doc.String {
			text := strings.TrimSpace(v.Str())
			if text == "" && ask[i].Optional && ask[i].Type != "text" {
				continue
			}
			v = ask[i].read(text, v)
		}
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	return doc.ObjectOf(fields)
}

func (f Field) read(text string, otherwise doc.Value) doc.Value {
	switch {
	case f.Type == "bool" && (text == "true" || text == "false"):
		return doc.BoolValue(text == "true")
	case f.Type == "number":
		if n, err := doc.ParseDecimal(text); err == nil {
			return doc.NumberValue(n)
		}
	case f.Type == "date" || f.Type == "choice":
		return doc.StringValue(text)
	}
	return otherwise
}

// String is the field as people are shown a form: approve: bool, note: text?, size: [small, big].
func (f Field) String() string {
	kind := f.Type
	if kind == "choice" {
		kind = "[" + strings.Join(f.Choices, ", ") + "]"
	}
	if f.Optional {
		kind += "?"
	}
	return f.Name + ": " + kind
}
