package yamlfile

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub/units"
	"orderhub/transforms/shape"
)

// check compares a decoded field with its min, max and oneof.
func (n *Node) check(f field) {
	if words := f.tag.Get("oneof"); words != "" {
		n.checkWord(f.value, strings.Split(words, "|"))
	}
	low, high := f.tag.Get("min"), f.tag.Get("max")
	if low == "" && high == "" || !f.value.IsValid() {
		return
	}
	v := f.value
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Type() == nodeType.Elem() && n.Kind() == Scalar { // who takes it says what may stand there
		return
	}
	x, what := n.measure(v)
	if low != "" && x < limit(v, low, f.tag) || high != "" && x > limit(v, high, f.tag) {
		n.Errorf("E104", "", "%s: %s%s is out of range; %s", n.label(), n.amount(), what, rangeText(low, high))
	}
}

func (n *Node) amount() string {
	switch n.Kind() {
	case Scalar:
		return n.y.Value
	case List:
		return strconv.Itoa(len(n.items))
	}
	return strconv.Itoa(len(n.entries))
}

func rangeText(low, high string) string {
	switch {
	case low == "":
		return "write at most " + high
	case high == "":
		return "write at least " + low
	}
	return fmt.Sprintf("write %s to %s", low, high)
}

// measure gives the number that limits hold against, and the word behind it.
func (n *Node) measure(v reflect.Value) (float64, string) {
	switch {
	case v.Type() == nodeType.Elem():
		return float64(len(n.items) + len(n.entries)), " entries"
	case v.CanInt():
		return float64(v.Int()), ""
	case v.CanUint():
		return float64(v.Uint()), ""
	case v.CanFloat():
		return v.Float(), ""
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Map:
		return float64(v.Len()), " entries"
	}
	panic(fmt.Sprintf("yamlfile: min and max don't fit a %s", v.Type()))
}

// limit reads a min or max tag as the field's own values are read. A wrong tag is a bug, and panics.
func limit(v reflect.Value, s string, tag reflect.StructTag) (x float64) {
	var err error
	switch {
	case v.Type() == durationType:
		var d time.Duration
		d, err = units.ParseDuration(s)
		x = float64(d)
	case tag.Get("unit") == "bytes":
		var b int64
		b, err = units.ParseSize(s)
		x = float64(b)
	default:
		x, err = strconv.ParseFloat(s, 64)
	}
	if err != nil {
		panic(fmt.Sprintf("yamlfile: limit %q of a %s: %v", s, v.Type(), err))
	}
	return x
}

// checkWord holds a string, or each of a list of strings, against the words it may be.
func (n *Node) checkWord(v reflect.Value, words []string) {
	if v.Kind() == reflect.Slice {
		for i, item := range n.Items() {
			item.checkWord(v.Index(i), words)
		}
		if n.Kind() == Scalar && v.Len() == 1 {
			n.checkWord(v.Index(0), words)
		}
		return
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.String || slices.Contains(words, v.String()) {
		return
	}
	help := "write " + strings.Join(words, ", ")
	if i := strings.LastIndex(help, ", "); i >= 0 {
		help = help[:i] + " or" + help[i+1:]
	}
	if near := shape.DidYouMean(v.String(), words); near != "" && !n.resolve().expanded {
		help = near
	}
	n.Errorf("E105", help, "%s: unknown word %s", n.label(), n.shown())
}
