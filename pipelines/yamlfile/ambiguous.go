package yamlfile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

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
