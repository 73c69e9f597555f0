package files

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/escape"
)

// naming makes file names of messages: literal texts and headers in turn.
type naming []part

type part struct{ text, header string }

// headerFileName is the option file_name of a send.
const headerFileName = "file_name"

// parseNaming reads a pattern such as order-{order}.json. "" leaves the name to the message.
func parseNaming(pattern string) (naming, error) {
	var n naming
	for rest := pattern; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return nil, fmt.Errorf("file name %q: a } without its {", pattern)
		}
		if text != "" {
			if err := checkRunes(text); err != nil {
				return nil, fmt.Errorf("file name %q: %w", pattern, err)
			}
			n = append(n, part{text: text})
		}
		if !found {
			break
		}
		header, end, closed := strings.Cut(after, "}")
		if header = strings.ToLower(strings.TrimSpace(header)); !closed || header == "" || strings.Contains(header, "{") {
			return nil, fmt.Errorf("file name %q: write {header}, such as {id} or {order}", pattern)
		}
		n = append(n, part{header: header})
		rest = end
	}
	return n, nil
}

// mentions tells that a header takes part in the name of a file.
func mentions(pattern, header string) bool {
	n, err := parseNaming(pattern)
	return err != nil || len(n) == 0 && header == headerFileName || slices.ContainsFunc(n, func(p part) bool { return p.header == header })
}

// of makes the name for a message. The error is Invalid, bad_file_name: what a header holds can't be part of a name.
func (n naming) of(m *hub.Message) (string, error) {
	if len(n) == 0 {
		n = naming{{header: "id"}}
		if m.Headers.Get(headerFileName) != "" {
			n[0].header = headerFileName
		}
	}
	var name string
	for _, p := range n {
		text := p.text
		switch p.header {
		case "":
		case "id":
			text = escape.Segment(strings.ReplaceAll(m.ID, "/", "_")) // of a child: parent/1
		case "key":
			text = escape.Segment(m.Key)
		case "correlation":
			text = escape.Segment(m.Correlation)
		default:
			text = m.Headers.Get(p.header)
		}
		if text == "" {
			return "", hub.Fail(hub.Invalid, "bad_file_name", "file name: {%s} is empty", p.header)
		}
		name += text
	}
	if err := checkName(name); err != nil {
		return "", hub.Fail(hub.Invalid, "bad_file_name", "file name %s: %w", shown(name), err)
	}
	return name, nil
}

const maxName = 200 // bytes: room for a number, .errors and what others append

var deviceNames = []string{"CON", "PRN", "AUX", "NUL", "CLOCK$"}

// checkName refuses what is no plain file name on every system.
func checkName(name string) error {
	base, _, _ := strings.Cut(name, ".")
	base = strings.TrimRight(base, " ")
	isBase := func(device string) bool { return strings.EqualFold(device, base) }
	switch {
	case name == "":
		return fmt.Errorf("is empty")
	case len(name) > maxName:
		return fmt.Errorf("%d bytes are too long, %d are allowed", len(name), maxName)
	case name[0] == '.':
		return fmt.Errorf("begins with a dot")
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("ends with a dot or a space")
	case slices.ContainsFunc(deviceNames, isBase), len(base) == 4 && (strings.EqualFold(base[:3], "COM") || strings.EqualFold(base[:3], "LPT")) && base[3] >= '0' && base[3] <= '9':
		return fmt.Errorf("is the name of a device")
	}
	return checkRunes(name)
}

func checkRunes(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("is not UTF-8")
	}
	for _, r := range text {
		switch {
		case r == '/' || r == '\\':
			return fmt.Errorf("holds a separator %q", r)
		case r < ' ' || r == 0x7f:
			return fmt.Errorf("holds the control character %q", r)
		}
	}
	return nil
}

// shown is a name for a message, quoted and bounded.
func shown(name string) string {
	if len(name) > 80 {
		return fmt.Sprintf("%q...", name[:80])
	}
	return fmt.Sprintf("%q", name)
}
