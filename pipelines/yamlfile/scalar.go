package yamlfile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"orderhub/hub/units"
)

// Str is Text without the flag: "" for an absent node, and for anything that Text reports.
func (n *Node) Str() string {
	if n == nil {
		return ""
	}
	s, _ := n.Text()
	return s
}

// Text gives a scalar after ${ENV} and secret:. False, and a problem, for anything else or when something is missing.
func (n *Node) Text() (string, bool) {
	if !n.isScalar("a single value") {
		return "", false
	}
	r := n.resolve()
	return r.text, r.ok
}

func (n *Node) isScalar(want string) bool {
	switch {
	case n == nil:
		return false
	case n.Kind() == Scalar:
		return true
	case n.Kind() == Null:
		n.Errorf("E102", "give it a value, or delete the line", "%s has no value", n.label())
		return false
	}
	n.Errorf("E102", "write it on the line of its key, without { }, [ ] or dashes", "%s takes %s, not %s", n.label(), want, n.Kind())
	return false
}

// shown is the value as messages print it: what the file has, never what a variable or secret holds.
func (n *Node) shown() string {
	if n.resolve().expanded {
		return n.y.Value
	}
	return strconv.Quote(n.y.Value)
}

// Bool gives true or false. Words like yes are refused with both readings.
func (n *Node) Bool() (value, ok bool) {
	s, ok := n.Text()
	if !ok {
		return false, false
	}
	switch s {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	if b, word := boolWords[strings.ToLower(s)]; word && !n.resolve().expanded {
		n.Errorf("E109", fmt.Sprintf("write %t", b), "%s: %s can be read as %t or as the text %q", n.label(), s, b, s)
		return false, false
	}
	n.Errorf("E106", "write true or false", "%s: %s is neither true nor false", n.label(), n.shown())
	return false, false
}

// Int gives a whole number in decimal. 010 and 1_000 are refused with both readings.
func (n *Node) Int() (int64, bool) {
	s, ok := n.Text()
	if !ok {
		return 0, false
	}
	if !n.resolve().expanded {
		if reading := guess(s, n.y.Tag); reading != "" {
			if decimal := trimZeros(s); octal.MatchString(s) {
				n.Errorf("E109", "write the number in decimal, without the zero in front: "+decimal, "%s: %s can be read as %s or as the decimal %s",
					n.label(), s, reading, decimal)
			} else {
				n.ambiguous(s, reading, "write the number in plain digits")
			}
			return 0, false
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strings.HasPrefix(s, "+") {
		n.Errorf("E107", "write a whole number, as 8", "%s: %s is not a whole number", n.label(), n.shown())
		return 0, false
	}
	return v, true
}

// Float gives a number.
func (n *Node) Float() (float64, bool) {
	s, ok := n.Text()
	if !ok {
		return 0, false
	}
	if !isJSONNumber(s) {
		n.Errorf("E107", "write a number, as 0.5", "%s: %s is not a number", n.label(), n.shown())
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		n.Errorf("E107", "write a smaller number", "%s: %s is out of range", n.label(), n.shown())
	}
	return v, err == nil
}

// Duration gives a time span: 30s, 1h30m, 250ms, 2d, 1w, 7y. A number without a unit is refused.
func (n *Node) Duration() (time.Duration, bool) {
	return inUnits(n, units.ParseDuration, "E110", "write a time with its unit: 30s, 5m, 2h, 7d, 250ms")
}

// Size gives a number of bytes: 64KiB, 1MiB, 1MB. A number without a unit is refused.
func (n *Node) Size() (int64, bool) {
	return inUnits(n, units.ParseSize, "E111", "write a size with its unit: 64KiB, 10MiB, 1GB")
}

func inUnits[T any](n *Node, parse func(string) (T, error), code, help string) (v T, ok bool) {
	s, ok := n.Text()
	if !ok {
		return v, false
	}
	v, err := parse(s)
	if err != nil {
		n.unitError(code, err, help)
	}
	return v, err == nil
}

func (n *Node) unitError(code string, err error, help string) {
	if n.resolve().expanded {
		n.Errorf(code, help, "%s: the value of %s can't be used here", n.label(), n.y.Value)
		return
	}
	if strings.Contains(err.Error(), "; write ") {
		help = ""
	}
	n.Errorf(code, help, "%s: %v", n.label(), err)
}

var boolWords = map[string]bool{"yes": true, "on": true, "y": true, "no": false, "off": false, "n": false}

var (
	octal       = regexp.MustCompile(`^[-+]?0[0-7]+$`)
	leadingZero = regexp.MustCompile(`^[-+]?0[0-9]+(\.[0-9]*)?$`)
	underscores = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(\.[0-9_]*)?$`)
	based       = regexp.MustCompile(`^[-+]?0(x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)$`)
	base60      = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+$`)
	date        = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$`)
)

// guess gives what another YAML reader makes of an unquoted scalar, as "the number 8"; "" when all readers agree.
func guess(s, tag string) string {
	switch {
	case octal.MatchString(s):
		v, _ := new(big.Int).SetString(s, 8)
		return "the octal number " + v.String()
	case leadingZero.MatchString(s):
		return "the number " + trimZeros(s)
	case strings.Contains(s, "_") && underscores.MatchString(s):
		return "the number " + strings.ReplaceAll(s, "_", "")
	case based.MatchString(s):
		if v, ok := new(big.Int).SetString(strings.TrimPrefix(s, "+"), 0); ok {
			return "the number " + v.String()
		}
	case base60.MatchString(s):
		return "the number " + fromBase60(s)
	case date.MatchString(s) && tag == "!!timestamp":
		return "a date"
	case tag == "!!float" && !isJSONNumber(s):
		return "a number"
	}
	return ""
}

func trimZeros(s string) string {
	sign := ""
	if s[0] == '-' || s[0] == '+' {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	return sign + strings.TrimSuffix(s, ".")
}

func fromBase60(s string) string {
	total := new(big.Int)
	for part := range strings.SplitSeq(strings.TrimLeft(strings.ReplaceAll(s, "_", ""), "-+"), ":") {
		v, _ := new(big.Int).SetString(part, 10)
		total.Mul(total, big.NewInt(60)).Add(total, v)
	}
	if s[0] == '-' {
		total.Neg(total)
	}
	return total.String()
}

// readings is guess for text: words like no count too.
func (n *Node) readings() string {
	if !n.isPlain() || n.resolve().expanded {
		return ""
	}
	if b, word := boolWords[strings.ToLower(n.y.Value)]; word && len(n.y.Value) > 1 {
		return strconv.FormatBool(b)
	}
	return guess(n.y.Value, n.y.Tag)
}

func (n *Node) ambiguous(s, reading, help string) {
	n.Errorf("E109", help, "%s: %s can be read as %s or as the text %q", n.label(), s, reading, s)
}

// PlainText is Text where words are wanted: an unquoted scalar that YAML readers take for something else (no, 010,
// 12:30:45, a date) is a problem that tells both readings.
func (n *Node) PlainText() (string, bool) {
	s, ok := n.Text()
	if !ok {
		return "", false
	}
	if reading := n.readings(); reading != "" {
		n.ambiguous(s, reading, fmt.Sprintf("quote it: \"%s\"", s))
		return "", false
	}
	return s, true
}

func isJSONNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}
