package yamlfile

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/units"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	nodeType     = reflect.TypeFor[*Node]()
)

// Decode fills the struct that dst points to, by its yaml tags, and reports all problems at once; fields keep what
// they hold when the file doesn't name them or names them wrongly. Kind is the word for the struct in messages:
// "unknown http field". Tags:
//
//	yaml:"name"       the key; fields without one are left alone, embedded structs without one are flattened
//	default:"30s"     for a field that is absent and zero
//	required:"true"   the key must be there
//	min:"1" max:"1h"  limits of numbers, times, sizes, and of the length of lists and maps
//	oneof:"a|b"       the words a string may be
//	unit:"bytes"      an integer that is written as a size: 64KiB
//
// Keys named in beside belong to somebody else and are left alone. Dst that is no pointer to a struct is a bug, and panics.
func (n *Node) Decode(dst any, kind string, beside ...string) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("yamlfile: Decode into %T, not into a pointer to a struct", dst))
	}
	n.decodeStruct(v.Elem(), kind, beside...)
}

// field is one tagged field of a struct.
type field struct {
	name  string
	value reflect.Value
	tag   reflect.StructTag
}

func fieldsOf(v reflect.Value) (out []field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			out = append(out, fieldsOf(v.Field(i))...)
		case name != "" && name != "-" && f.IsExported():
			out = append(out, field{name, v.Field(i), f.Tag})
		}
	}
	return out
}

func (n *Node) decodeStruct(v reflect.Value, kind string, beside ...string) {
	fields := fieldsOf(v)
	switch n.Kind() {
	case Scalar, List:
		n.wantMap(kind, fields)
		return
	case Map:
		names := slices.Clone(beside)
		for _, f := range fields {
			names = append(names, f.name)
		}
		n.Allow(kind, names...)
	}
	for _, f := range fields {
		n.decodeField(f, kind)
	}
}

func (n *Node) decodeField(f field, kind string) {
	value := n.Get(f.name)
	switch {
	case value != nil:
		if value.decode(f.value, f.tag, f.name) {
			value.check(f)
		}
	case n != nil && f.tag.Get("required") == "true":
		n.Errorf("E103", fmt.Sprintf("add %s:", f.name), "%s needs %q", n.named(kind), f.name)
	default:
		units.SetDefault(f.value, f.tag)
	}
}

func (n *Node) named(kind string) string {
	if n.key != nil && n.key.Raw() != kind {
		return fmt.Sprintf("%s %q", kind, n.key.Raw())
	}
	return kind
}

func (n *Node) wantMap(kind string, fields []field) {
	help := ""
	if len(fields) > 0 {
		help = "write " + mapOf(fields)
	}
	if n.Kind() == Scalar && n.isPlain() && keyWithoutSpace.MatchString(n.Raw()) {
		name, rest, _ := strings.Cut(n.Raw(), ":")
		n.Errorf("E006", fmt.Sprintf("write %s: %s", name, rest), "a space is missing behind the colon of %q", n.Raw())
		return
	}
	if n.Kind() == List {
		help = "write name: value lines without the dash"
	}
	n.Errorf("E102", help, "%s takes a map, not %s", n.named(kind), n.Kind())
}

// mapOf shows how a map of the fields is written: the required ones, or the first.
func mapOf(fields []field) string {
	var names []string
	for _, f := range fields {
		if f.tag.Get("required") == "true" {
			names = append(names, f.name+": …")
		}
	}
	if len(names) == 0 {
		names = append(names, fields[0].name+": …")
	}
	return "{" + strings.Join(names, ", ") + "}"
}

// decode sets v; false when a problem was recorded and v is as it was.
func (n *Node) decode(v reflect.Value, tag reflect.StructTag, kind string) bool {
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(n))
		return true
	}
	if v.Kind() == reflect.Pointer {
		if n.Kind() == Null {
			return true
		}
		p := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			p.Elem().Set(v.Elem())
		}
		ok := n.decode(p.Elem(), tag, kind)
		v.Set(p)
		return ok
	}
	if v.CanAddr() {
		t, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
		if ok && (v.Kind() != reflect.Struct || n.Kind() != Map) { // a struct may have a short form as text and a long one as map
			return n.decodeText(t, tag.Get("word"))
		}
	}
	return n.decodeKind(v, tag, kind)
}

// decodeText reads t from the scalar. word is what may stand in place of a secret.
func (n *Node) decodeText(t encoding.TextUnmarshaler, word string) bool {
	s, ok := n.Text()
	if !ok {
		return false
	}
	err := t.UnmarshalText([]byte(s))
	if err != nil {
		n.textError(err)
	} else if secret, ok := t.(*hub.Secret); ok {
		n.confide(secret.Reveal(), true, word)
	}
	return err == nil
}

// textError reports err of a value's own parser, without its words when they may hold the value of a secret.
func (n *Node) textError(err error) {
	if r := n.resolve(); r.expanded {
		what := "can't be used here"
		if strings.TrimSpace(r.text) == "" {
			what = "is empty"
		}
		n.Errorf("E108", "give each variable in it a value that fits", "%s: the value of %s %s", n.label(), n.y.Value, what)
		return
	}
	n.Errorf("E108", "", "%s: %v", n.label(), err)
}

// Fields lists the yaml names of the struct that dst points to, and those that must be given.
func Fields(dst any) (all, required []string) {
	for _, f := range fieldsOf(reflect.ValueOf(dst).Elem()) {
		all = append(all, f.name)
		if f.tag.Get("required") == "true" {
			required = append(required, f.name)
		}
	}
	return all, required
}

func (n *Node) decodeKind(v reflect.Value, tag reflect.StructTag, kind string) bool {
	if v.Type() == durationType {
		return put(func(d time.Duration) { v.SetInt(int64(d)) }, n.Duration)
	}
	switch v.Kind() {
	case reflect.String:
		return put(func(s string) { v.SetString(s); n.confide(s, false, "") }, n.PlainText)
	case reflect.Bool:
		return put(v.SetBool, n.Bool)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return n.decodeInt(v, tag)
	case reflect.Float32, reflect.Float64:
		return put(v.SetFloat, n.Float)
	case reflect.Struct:
		n.decodeStruct(v, kind)
		return n.Kind() == Map || n.Kind() == Null
	case reflect.Slice:
		return n.decodeSlice(v, tag, kind)
	case reflect.Map:
		return n.decodeMap(v, tag, kind)
	case reflect.Interface:
		if a := n.Any(); a != nil {
			v.Set(reflect.ValueOf(a))
		} else {
			v.SetZero()
		}
		return true
	}
	panic(fmt.Sprintf("yamlfile: Decode can't fill a %s (%s)", v.Type(), n.Path()))
}

// put sets what get gives, if it does.
func put[T any](set func(T), get func() (T, bool)) bool {
	v, ok := get()
	if ok {
		set(v)
	}
	return ok
}

func (n *Node) decodeInt(v reflect.Value, tag reflect.StructTag) bool {
	i, ok := int64(0), false
	if tag.Get("unit") == "bytes" {
		i, ok = n.Size()
	} else {
		i, ok = n.Int()
	}
	if !ok {
		return false
	}
	if v.CanUint() {
		if i < 0 || v.OverflowUint(uint64(i)) {
			n.Errorf("E104", fmt.Sprintf("write 0 to %d", ^uint64(0)>>(64-v.Type().Bits())), "%s: %s is out of range", n.label(), n.shown())
			return false
		}
		v.SetUint(uint64(i))
		return true
	}
	if v.OverflowInt(i) {
		top := int64(1)<<(v.Type().Bits()-1) - 1
		n.Errorf("E104", fmt.Sprintf("write %d to %d", -top-1, top), "%s: %s is out of range", n.label(), n.shown())
		return false
	}
	v.SetInt(i)
	return true
}

func (n *Node) decodeSlice(v reflect.Value, tag reflect.StructTag, kind string) bool {
	if n.Kind() == Null {
		return n.isScalar("a list")
	}
	items := n.Several()
	out := reflect.MakeSlice(v.Type(), 0, len(items))
	ok := true
	for _, item := range items {
		e := reflect.New(v.Type().Elem()).Elem()
		if !item.decode(e, tag, kind) {
			ok = false
			continue
		}
		out = reflect.Append(out, e)
	}
	if ok {
		v.Set(out)
	}
	return ok
}

func (n *Node) decodeMap(v reflect.Value, tag reflect.StructTag, kind string) bool {
	switch n.Kind() {
	case Scalar, List:
		n.wantMap(kind, nil)
		return false
	}
	if v.Type().Key().Kind() != reflect.String {
		panic(fmt.Sprintf("yamlfile: Decode can't fill a %s, its keys are no strings", v.Type()))
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	ok := true
	for key, value := range n.Entries() {
		e := reflect.New(v.Type().Elem()).Elem()
		if value.decode(e, tag, kind) {
			out.SetMapIndex(reflect.ValueOf(key.Raw()).Convert(v.Type().Key()), e)
		} else {
			ok = false
		}
	}
	if n.Kind() == Map || v.IsNil() {
		v.Set(out)
	}
	return ok
}
