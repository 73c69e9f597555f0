package yamlfile

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var guessedKeys = map[string]bool{"on": true, "off": true, "yes": true, "no": true, "y": true, "n": true}

// status is an HTTP status.
var status = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

var keyWithoutSpace = regexp.MustCompile(`^[A-Za-z_][\w-]*:[^\s/:]`)

// checkKey reports what is wrong with a key; false when the entry can't be used.
func (b *builder) checkKey(n, key *Node, v *yaml.Node) bool {
	k := key.y
	if k.Kind != yaml.ScalarNode {
		b.l.problem(b.src, k.Line, k.Column, 1, "E013", "write a name before the colon; in front of {...} or [...] a dash may be missing",
			"a key must be text, not %s", key.Kind())
		return false
	}
	if old := n.KeyNode(k.Value); old != nil {
		_, line, col := old.Pos()
		key.Errorf("E012", "keep one of them", "%q is already at %s:%d:%d", k.Value, b.src.name, line, col)
		return false
	}
	if !key.isPlain() {
		return true
	}
	empty := v.Kind == yaml.ScalarNode && v.Value == "" && v.Tag == "!!null"
	if empty && n.y.Style&yaml.FlowStyle != 0 && keyWithoutSpace.MatchString(k.Value) {
		name, rest, _ := strings.Cut(k.Value, ":")
		key.Errorf("E006", fmt.Sprintf("write %s: %s", name, rest), "a space is missing behind the colon of %q", k.Value)
		return false
	}
	switch reading := guess(k.Value, k.Tag); {
	case guessedKeys[strings.ToLower(k.Value)]:
		key.Warnf("W017", fmt.Sprintf("write \"%s\", or better another name", k.Value),
			"%s as a key means true or false to other YAML tools; here it is text", k.Value)
	case k.Tag == "!!null":
		key.Errorf("E013", fmt.Sprintf("write \"%s\" for the text, or a name", k.Value), "a key must be text, and an empty key or null is nothing")
		return false
	case k.Tag == "!!bool", reading != "":
		key.Errorf("E013", fmt.Sprintf("quote it: \"%s\"", k.Value), "the key %s can be read as %s or as text", k.Value, orKind(reading, k.Tag))
	case status.MatchString(k.Value): // as the keys of responses in OpenAPI: the same text in every reading
	case k.Tag == "!!int" || k.Tag == "!!float":
		key.Warnf("W018", fmt.Sprintf("quote it: \"%s\"", k.Value), "the key %s is a number to other YAML tools; here it is text", k.Value)
	}
	return true
}

func orKind(reading, tag string) string {
	if reading == "" {
		return "a " + map[string]string{"!!bool": "truth value"}[tag]
	}
	return reading
}

// Allow reports each key that is not one of names: `unknown route field "wehn"`, with the nearest name.
func (n *Node) Allow(kind string, names ...string) {
	for key := range n.Entries() {
		name, known := key.Raw(), false
		for _, k := range names {
			known = known || k == name
		}
		if known {
			continue
		}
		help := ""
		if near, ok := Nearest(name, names); ok {
			help = fmt.Sprintf("did you mean %q?", near)
		} else if len(names) > 0 {
			help = "known: " + strings.Join(names, ", ")
		}
		key.Errorf("E101", help, "unknown %s field %q", kind, name)
	}
}
