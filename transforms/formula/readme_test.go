package formula

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	readmeRow  = regexp.MustCompile("(?m)^\\| (`.*?) \\| (.*?) \\| `(.*?)` \\| `(.*?)` \\|$")
	readmeJSON = regexp.MustCompile("(?s)```json\n(.*?)```")
)

// Every example of the README gives the result beside it, and every function has a row.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	body := readmeJSON.FindStringSubmatch(string(b))[1]
	var named []string
	for _, row := range readmeRow.FindAllStringSubmatch(string(b), -1) {
		src, want := strings.ReplaceAll(row[3], `\|`, "|"), row[4]
		named = append(named, strings.Trim(row[1], "`"))
		f, errs := Compile(src, NewScope())
		if errs != nil {
			t.Errorf("%s: %v", src, errs)
			continue
		}
		v, err := f.Eval(frameOf(t, body))
		if got := string(v.JSON()); err != nil || got != want {
			t.Errorf("%s = %s, %v; the README says %s", src, got, err, want)
		}
		if name := named[len(named)-1]; slices.Contains(builtinNames(), name) && !strings.Contains(src, name+"(") {
			t.Errorf("the example of %s does not use it: %s", name, src)
		}
	}
	for _, name := range builtinNames() {
		if !slices.Contains(named, name) {
			t.Errorf("the README has no row for %s", name)
		}
	}
}
