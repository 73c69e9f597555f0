package files

import (
	"path"
	"slices"
	"strings"
)

// marker is the name of the file that says that a file is complete; "": nothing is waited for.
func (c *Config) marker(name string) string {
	return strings.NewReplacer("{name}", name, "{base}", strings.TrimSuffix(name, path.Ext(name))).Replace(c.Marker)
}

// around are the texts before and behind the name in a marker.
func (c *Config) around() (before, behind string, ok bool) {
	before, behind, ok = strings.Cut(c.Marker, "{name}")
	if !ok {
		before, behind, ok = strings.Cut(c.Marker, "{base}")
	}
	return before, behind, ok
}

// isMarker tells that a name is that of a marker.
func (c *Config) isMarker(name string) bool {
	before, behind, ok := c.around()
	return ok && len(name) > len(before)+len(behind) && strings.HasPrefix(name, before) && strings.HasSuffix(name, behind)
}

// goodMarker tells that the marker names another file beside each file, and none that is read.
func (c *Config) goodMarker() bool {
	before, behind, ok := c.around()
	return ok && before+behind != "" && !strings.ContainsAny(before+behind, `{}/\`) && checkRunes(before+behind) == nil &&
		(behind == "" || !strings.HasSuffix(c.Match, behind))
}

// The endings of names that programs give to a file until it is complete.
var unfinished = []string{".tmp", ".part", ".partial", ".filepart", ".crdownload", ".writing", "~"}

// isUnfinished tells that a name is that of a file that somebody still writes, unless the pattern asks for such names.
func isUnfinished(name, pattern string) bool {
	name, pattern = strings.ToLower(name), strings.ToLower(pattern)
	return slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(name, end) && !strings.HasSuffix(pattern, end) })
}
