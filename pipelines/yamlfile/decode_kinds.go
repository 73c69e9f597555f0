package yamlfile

import (
	"fmt"
	"reflect"
)

func (n *Node) decodeKind(v reflect.Value, tag reflect.StructTag, kind string) bool {
	if v.Type() == durationType {
		d, ok := n.Duration()
		if ok {
			v.SetInt(int64(d))
		}
		return ok
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := n.PlainText()
		if ok {
			v.SetString(s)
			n.confide(s, false, "")
		}
		return ok
	case reflect.Bool:
		b, ok := n.Bool()
		if ok {
			v.SetBool(b)
		}
		return ok
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return n.decodeInt(v, tag)
	case reflect.Float32, reflect.Float64:
		f, ok := n.Float()
		if ok {
			v.SetFloat(f)
		}
		return ok
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
	items := n.Items()
	switch n.Kind() {
	case Null:
		return n.isScalar("a list")
	case Scalar, Map:
		items = []*Node{n} // one is a list of one
	}
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
