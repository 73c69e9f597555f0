package idempotent

import (
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// CheckVersion checks that the version a formula gave can be compared: a number or a text.
func CheckVersion(v doc.Value, source string) error {
	if v.Kind() != doc.Number && (v.Kind() != doc.String || v.Str() == "") {
		return hub.Fail(hub.Invalid, "transform", "%s is %s: a version is a number, a time or a text", source, v.Kind())
	}
	return nil
}

// CompareVersions orders two versions: numbers (also written as texts) by value, times by instant, other texts by their bytes.
func CompareVersions(a, b doc.Value) (int, error) {
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return x.Cmp(y), nil
		}
	}
	if a.Kind() != b.Kind() {
		return 0, hub.Fail(hub.Invalid, "transform", "version %s can't be compared with %s, the last one", a, b)
	}
	if x, err := time.Parse(time.RFC3339, a.Str()); err == nil {
		if y, err := time.Parse(time.RFC3339, b.Str()); err == nil {
			return x.Compare(y), nil
		}
	}
	return strings.Compare(a.Str(), b.Str()), nil
}

func number(v doc.Value) (doc.Decimal, bool) {
	if v.Kind() == doc.Number {
		return v.Num(), true
	}
	d, err := doc.ParseDecimal(v.Str())
	return d, err == nil
}
