package partners

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// block is a partner of a page in docs/partners/: what stands below its heading.
type block struct {
	name string // the heading, and the name of its pipeline
	yaml string
}

// readPage reads the partners of a page. Each has a row in the page's table, which names its test, two sentences, and one block of YAML.
func readPage(t *testing.T, page, test string) (blocks []block) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "partners", page))
	if err != nil {
		t.Fatal(err)
	}
	intro, rest, _ := strings.Cut(string(raw), "\n## ")
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| \\[([a-z0-9-]+)\\]\\(#([a-z0-9-]+)\\) \\|.* `"+test+"/([a-z0-9-]+)` \\|$").FindAllStringSubmatch(intro, -1) {
		if m[1] != m[2] || m[1] != m[3] {
			t.Errorf("%s: the row of %s names %s and %s", page, m[1], m[2], m[3])
		}
		rows = append(rows, m[1])
	}
	fence := regexp.MustCompile("(?ms)^(.*?)\n```yaml\n(.*?)^```\n*$")
	for below := range strings.SplitSeq(rest, "\n## ") {
		name, text, _ := strings.Cut(below, "\n")
		m := fence.FindStringSubmatch(strings.TrimLeft(text, "\n"))
		if m == nil || strings.Contains(m[2], "```") {
			t.Fatalf("%s: %s has not one block of YAML", page, name)
		}
		if n := len(regexp.MustCompile(`[.:](\s|$)`).FindAllString(m[1], -1)); n < 2 {
			t.Errorf("%s: %s has %d sentences, and two are wanted", page, name, n)
		}
		blocks = append(blocks, block{name, m[2]})
	}
	var headings []string
	for _, b := range blocks {
		headings = append(headings, b.name)
	}
	if !slices.Equal(rows, headings) {
		t.Errorf("%s: the rows of the table are %q, the headings %q", page, rows, headings)
	}
	return blocks
}

// tree is a map of a configuration, in the order in which it is written.
type tree = yaml.Node

// entry is the value of a name in a map, which is made if it is not there.
func entry(of *tree, name string) *tree {
	for i := 0; i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == name {
			return of.Content[i+1]
		}
	}
	value := &tree{Kind: yaml.MappingNode}
	of.Content = append(of.Content, &tree{Kind: yaml.ScalarNode, Value: name}, value)
	return value
}

// names are those of a map.
func names(of *tree) (out []string) {
	for i := 0; i < len(of.Content); i += 2 {
		out = append(out, of.Content[i].Value)
	}
	return out
}

// merge makes one configuration of blocks, which share nothing but the server, and gives the channels that no block reads.
func merge(t *testing.T, blocks []block) (config *tree, unread []string) {
	t.Helper()
	config = &tree{Kind: yaml.MappingNode}
	for _, b := range blocks {
		var doc tree
		if err := yaml.Unmarshal([]byte(b.yaml), &doc); err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		for _, part := range names(doc.Content[0]) {
			from, to := entry(doc.Content[0], part), entry(config, part)
			for _, name := range names(from) {
				if slices.Contains(names(to), name) && name != "web" {
					t.Errorf("%s: another block has %s.%s", b.name, part, name)
				}
				*entry(to, name) = *entry(from, name)
			}
		}
	}
	var read []string
	pipelines := entry(config, "pipelines")
	for _, name := range names(pipelines) {
		read = append(read, entry(entry(pipelines, name), "from").Value)
	}
	for _, name := range names(entry(config, "channels")) {
		if !slices.Contains(read, name) {
			unread = append(unread, name)
		}
	}
	return config, unread
}

// put sets a name in a map to a value that is written as YAML.
func put(t *testing.T, of *tree, name, value string) {
	t.Helper()
	var doc tree
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	*entry(of, name) = *doc.Content[0]
}
