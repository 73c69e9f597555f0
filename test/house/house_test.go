// Package house tests the project as a whole: that its documents say what is so, and that the code keeps to the rules of
// CONTRIBUTING.md.
package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the checkout.
const root = "../.."

// read is the text of a file of the checkout.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command is what a command prints that must succeed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
