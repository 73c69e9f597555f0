package doc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Any returns the value as Go data: map[string]any, []any, json.Number, string, bool or nil.
func (v Value) Any() any {
	switch v.Kind() {
	case Bool:
		return v.Bool()
	case Number:
		return json.Number(v.JSON())
	case String:
		return v.Str()
	case Array:
		list := make([]any, 0, v.Len())
		for _, e := range v.Elems() {
			list = append(list, e.Any())
		}
		return list
	case Object:
		object := make(map[string]any, v.Len())
		for name, f := range v.Fields() {
			object[name] = f.Any()
		}
		return object
	}
	return nil
}

// FromAny makes a Value of Go data: map[string]any and map[any]any (their keys as texts, sorted), []any, json.Number, all ints, finite floats, string, bool, nil, Value,
// Decimal, and time.Time as RFC 3339 text. The error names the path and the type it cannot take.
func FromAny(x any) (Value, error) { return fromAny(x, maxDepth) }

func fromAny(x any, room int) (Value, error) {
	switch x := x.(type) {
	case nil:
		return NullValue(), nil
	case Value:
		return x, nil
	case Decimal:
		return NumberValue(x), nil
	case string:
		return StringValue(x), nil
	case bool:
		return BoolValue(x), nil
	case time.Time:
		return StringValue(x.Format(time.RFC3339Nano)), nil
	case map[string]any:
		return fromMap(x, room)
	case map[any]any: // as YAML has it, where the key 200 is a number
		texts := make(map[string]any, len(x))
		for key, part := range x {
			texts[fmt.Sprint(key)] = part
		}
		return fromMap(texts, room)
	case []any:
		return fromList(x, room)
	}
	return fromNumber(x)
}

func fromNumber(x any) (Value, error) {
	switch x := x.(type) {
	case json.Number:
		return number(ParseDecimal(string(x)))
	case int:
		return IntValue(int64(x)), nil
	case int64:
		return IntValue(x), nil
	case int8, int16, int32, uint, uint8, uint16, uint32, uint64:
		return number(ParseDecimal(fmt.Sprint(x)))
	case float64:
		return number(ParseDecimal(strconv.FormatFloat(x, 'g', -1, 64)))
	case float32:
		return number(ParseDecimal(strconv.FormatFloat(float64(x), 'g', -1, 32)))
	}
	return Value{}, fmt.Errorf("a value of type %T is no document", x)
}

func number(d Decimal, err error) (Value, error) {
	if err != nil {
		return Value{}, err
	}
	return NumberValue(d), nil
}

var errTooDeep = errors.New("nested too deep")

func fromMap(x map[string]any, room int) (Value, error) {
	if room == 0 {
		return Value{}, errTooDeep
	}
	fields := make([]Field, 0, len(x))
	for _, name := range slices.Sorted(maps.Keys(x)) {
		v, err := fromAny(x[name], room-1)
		if err != nil {
			return Value{}, fmt.Errorf("%s: %w", name, err)
		}
		fields = append(fields, Field{name, v})
	}
	return ObjectOf(fields), nil
}

func fromList(x []any, room int) (Value, error) {
	if room == 0 {
		return Value{}, errTooDeep
	}
	elems := make([]Value, len(x))
	for i := range x {
		v, err := fromAny(x[i], room-1)
		if err != nil {
			return Value{}, fmt.Errorf("[%d]: %w", i, err)
		}
		elems[i] = v
	}
	return ListOf(elems), nil
}
