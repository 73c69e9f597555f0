package units

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Defaults is a fresh T, a struct, with what the default tags of its fields say.
func Defaults[T any]() *T {
	v := new(T)
	SetDefault(reflect.ValueOf(v).Elem(), "")
	return v
}

// SetDefault gives v, the zero value of a field, what the field's default tag says, and does so for the fields of a
// struct. With unit:"bytes" a number is a size. A wrong tag is a bug, and panics.
func SetDefault(v reflect.Value, tag reflect.StructTag) {
	if text := tag.Get("default"); text != "" && v.IsZero() {
		if err := set(v, text, tag); err != nil {
			panic(fmt.Sprintf("units: the default %q of a %s: %v", text, v.Type(), err))
		}
		return
	}
	if v.Kind() == reflect.Struct {
		for f, inner := range v.Fields() {
			if f.IsExported() || f.Anonymous {
				SetDefault(inner, f.Tag)
			}
		}
	}
}

func set(v reflect.Value, text string, tag reflect.StructTag) error {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err := ParseDuration(text)
		v.SetInt(int64(d))
		return err
	case tag.Get("unit") == "bytes":
		size, err := ParseSize(text)
		v.SetInt(size)
		return err
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	case v.Kind() == reflect.Bool:
		on, err := strconv.ParseBool(text)
		v.SetBool(on)
		return err
	case v.Kind() == reflect.Slice: // of one entry
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return set(v.Index(0), text, tag)
	}
	v.SetString(text)
	return nil
}
