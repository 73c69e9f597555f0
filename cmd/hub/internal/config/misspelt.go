package config

import (
	"regexp"
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// ownVariables are what the hub itself reads from the environment.
var ownVariables = []string{"HUB_CONFIG", "HUB_HOME", "HUB_INSTANCE", "HUB_SECRETS", "HUB_STORE"}

// misspelt warns of variables of the environment that nobody reads and that
// look like one that the configuration reads and that is not set.
func misspelt(root *yamlfile.Node, environ []string, problems *yamlfile.Problems) {
	set, read := map[string]bool{}, variablesRead(root)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		set[name] = value != ""
	}
	for name, at := range read {
		if set[name] {
			continue
		}
		for other, has := range set {
			if has && read[other] == nil && !slices.Contains(ownVariables, other) && alike(name, other) {
				file, line, col := at.Pos()
				problems.Add(yamlfile.Problem{File: file, Line: line, Col: col, Severity: yamlfile.Warning, Code: "W123",
					Message: other + " is set, but the configuration reads " + name, Help: "rename the variable, or unset it"})
			}
		}
	}
}

// alike tells that one name may be a slip of the other: at most two characters are wrong, or one of a short name.
func alike(a, b string) bool {
	slips := 2
	if min(len(a), len(b)) < 8 {
		slips = 1
	}
	return shape.Distance([]rune(a), []rune(b)) <= slips
}

var secretRef = regexp.MustCompile(`^secret:([\w.-]+)$`)

// variablesRead are the variables that the values below n read, and where.
func variablesRead(n *yamlfile.Node) map[string]*yamlfile.Node {
	read := map[string]*yamlfile.Node{}
	for n := range n.All() {
		if n.Kind() != yamlfile.Scalar {
			continue
		}
		for _, m := range variable.FindAllStringSubmatch(n.Raw(), -1) {
			read[m[1]] = n
		}
		if m := secretRef.FindStringSubmatch(n.Raw()); m != nil {
			read[yamlfile.SecretVariable(m[1])] = n
		}
	}
	return read
}
