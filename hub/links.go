package hub

import (
	"mime"
	"strings"
)

// Links are the targets of a header Link, by their relations: RFC 8288. Of one relation the first counts; what is no link is left out.
func Links(header string) map[string]string {
	out := map[string]string{}
	for header != "" {
		_, rest, found := strings.Cut(header, "<")
		if !found {
			break
		}
		var target, params string
		if target, rest, found = strings.Cut(rest, ">"); !found {
			break
		}
		params, header = linkParams(rest)
		_, values, err := mime.ParseMediaType("link/x" + params)
		if err != nil {
			continue
		}
		for rel := range strings.FieldsSeq(strings.ToLower(values["rel"])) {
			if out[rel] == "" {
				out[rel] = target
			}
		}
	}
	return out
}

// linkParams cuts off what stands behind one link: up to the next comma that no quotes hold.
func linkParams(s string) (params, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
