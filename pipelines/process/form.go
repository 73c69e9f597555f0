package process

import (
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

var fieldTypes = []string{"bool", "text", "number", "date"}

// formOf reads the form of a task: {approve: bool, note: "text?", kind: [a, b]}.
func formOf(n *yamlfile.Node) []Field {
	var out []Field
	if n.Kind() != yamlfile.Map {
		if n != nil {
			n.Errorf("E298", `write ask: {approve: bool, note: "text?"}`, "`ask` is a map of fields and their types, this is %s", n.Kind())
		}
		return nil
	}
	for key, value := range n.Entries() {
		f := Field{Name: key.Raw()}
		if !isName(f.Name) {
			key.Errorf("E306", "use letters, digits and _", "%q can't be a name in formulas", f.Name)
		}
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

// checkAnswer holds an answer to the form: every fault at once, as an invalid message with fields.
func checkAnswer(ask []Field, answer doc.Value) error {
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
			fault(name, "is no field of the form: "+fieldNames(ask))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	said := make([]string, len(faults))
	for i, f := range faults {
		said[i] = f.Pointer[1:] + " " + f.Detail
	}
	e := hub.Fail(hub.Invalid, "answer", "%s", strings.Join(said, "; ")).Tell()
	e.Fields = faults
	return e
}

func fieldNames(ask []Field) string {
	names := make([]string, len(ask))
	for i, f := range ask {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
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

// typed reads the texts of an answer by the form, as people and web forms write
// them; what does not fit stays as it is, for checkAnswer to tell.
func typed(ask []Field, answer doc.Value) doc.Value {
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
