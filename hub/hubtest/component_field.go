package hubtest

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// componentField is one field of a config, with its YAML path.
type componentField struct {
	path  string
	value reflect.Value
	tag   reflect.StructTag
}

// componentFields lists the fields of a struct and of the structs in it.
func componentFields(v reflect.Value, prefix string) (out []componentField) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		if !sf.IsExported() || sf.Tag.Get("yaml") == "-" {
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		value := v.Field(i)
		if sf.Anonymous && name == "" && value.Kind() == reflect.Struct {
			out = append(out, componentFields(value, prefix)...)
			continue
		}
		if name == "" {
			name = "(no yaml tag: " + sf.Name + ")"
		}
		f := componentField{prefix + name, value, sf.Tag}
		out = append(out, f)
		if inner, ok := f.inner(); ok {
			out = append(out, componentFields(inner, f.path+".")...)
		}
	}
	return out
}

// inner is the struct that a field holds, if it does.
func (f componentField) inner() (reflect.Value, bool) {
	typ := f.value.Type()
	v := f.value
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
		v = reflect.New(typ).Elem()
	}
	if typ.Kind() != reflect.Struct || reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return v, false
	}
	return v, true
}

func (f componentField) check(t *testing.T, where string) {
	if strings.Contains(f.path, "(") {
		t.Errorf("%s %s\ncontract: every field of a config has a yaml tag", where, f.path)
	}
	doc := f.tag.Get("doc")
	if doc == "" || !strings.HasSuffix(doc, ".") {
		t.Errorf("%s %s: doc %q\ncontract: every field of a config has a doc tag, in whole sentences", where, f.path, doc)
	}
	want, has := f.tag.Lookup("default")
	if got := componentText(f.value, f.tag); has && !f.value.IsZero() && got != componentSame(want) {
		t.Errorf("%s %s: the fresh config has %q, the default tag says %q\ncontract: defaults are told as they are", where, f.path, got, want)
	}
}

// componentSame writes a tag's time in its largest unit, as componentText does.
func componentSame(tag string) string {
	if d, err := time.ParseDuration(tag); err == nil && d > 0 {
		return componentDuration(d)
	}
	return tag
}

// byDefault is the default for the table: the tag's, else what the fresh config has.
func (f componentField) byDefault() string {
	text, has := f.tag.Lookup("default")
	if !has {
		text = componentText(f.value, f.tag)
	}
	switch {
	case f.tag.Get("required") == "true":
		return "required"
	case text == "":
		return ""
	}
	return "`" + text + "`"
}

// componentText writes a value as YAML would have it; "" for what is not set.
func componentText(v reflect.Value, tag reflect.StructTag) string {
	switch {
	case v.IsZero():
		return ""
	case v.Type() == reflect.TypeFor[time.Duration]():
		return componentDuration(time.Duration(v.Int()))
	case v.CanInt() && tag.Get("unit") == "bytes":
		return componentSize(v.Int())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case v.Kind() == reflect.Bool:
		return "true"
	case v.Type() == reflect.TypeFor[hub.Secret]():
		return ""
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Slice && v.Len() == 1:
		return componentText(v.Index(0), tag)
	}
	return ""
}

// componentDuration writes d in the largest unit that keeps it whole: 1m30s is 90s.
func componentDuration(d time.Duration) string {
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	return d.String()
}

func componentSize(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// kind is the type in words.
func (f componentField) kind() string {
	if f.tag.Get("unit") == "bytes" {
		return "size"
	}
	if words := f.tag.Get("oneof"); words != "" {
		if strings.ContainsAny(words, ",' ") { // marks, which are read as such in quotes only
			words = "`" + strings.ReplaceAll(words, "|", "`|`") + "`"
		}
		return strings.ReplaceAll(words, "|", ", ")
	}
	return componentKind(f.value.Type())
}

func componentKind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "time"
	case t == reflect.TypeFor[hub.Secret]():
		return "secret"
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		if t.Kind() == reflect.Struct {
			return "text or map"
		}
		return "text"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return componentKind(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list of " + componentKind(t.Elem())
	case reflect.Map:
		return "map of " + componentKind(t.Elem())
	case reflect.Struct:
		return "map"
	case reflect.Interface:
		return "text or map"
	}
	return "number"
}
