// Mutants plants bugs into a copy of the project, one after another, and runs the tests that should catch each.
//
//	go run ./test/mutants [-list] [NAME...]
//
// The bugs are in bugs.txt: what is wrong with the product then, the file, the tests to run, and the change as lines that begin with
// -, + or, if they stay as they are, a blank. Those without + stand in the file exactly once. A bug that the tests let through, that
// no longer fits the code or does not compile makes the exit code 1. Tests that a bug makes hang have caught it after two minutes.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed bugs.txt
var bugs string

const (
	hang     = "2m"            // the tests of one bug that run so long are taken to hang: it is caught
	patience = 5 * time.Minute // with all that is compiled for them; who takes longer has caught nothing
)

// bug is one entry of bugs.txt.
type bug struct {
	name, what string
	file       string
	tests      string   // arguments of go test
	old, now   []string // lines
}

func main() {
	list := flag.Bool("list", false, "list the bugs and end")
	flag.Parse()
	if err := run(*list, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(list bool, names []string) error {
	all, err := parse(bugs)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		all = slices.DeleteFunc(all, func(b bug) bool { return !slices.Contains(names, b.name) })
	}
	if list {
		for _, b := range all {
			fmt.Printf("%-28s %s: %s\n", b.name, b.file, b.what)
		}
		return nil
	}
	dir, err := copyOf()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	caught := 0
	for _, b := range all {
		began := time.Now()
		verdict := b.try(dir)
		if verdict == nil {
			caught++
			fmt.Printf("caught  %-28s %5.1f s  %s\n", b.name, time.Since(began).Seconds(), b.what)
			continue
		}
		fmt.Printf("MISSED  %-28s %5.1f s  %s\n        %v\n", b.name, time.Since(began).Seconds(), b.what, verdict)
	}
	fmt.Printf("%d of %d planted bugs caught\n", caught, len(all))
	if caught < len(all) {
		return errors.New("some bugs were not caught")
	}
	return nil
}

// parse reads entries that begin with "== name: what" and have lines "file:", "test:", "-", "+" and " ".
func parse(text string) (all []bug, err error) {
	for n, line := range strings.Split(text, "\n") {
		var b *bug
		if len(all) > 0 {
			b = &all[len(all)-1]
		}
		head, rest, _ := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "== "):
			all = append(all, bug{name: strings.TrimPrefix(head, "== "), what: rest})
		case line == "" || strings.HasPrefix(line, "#"):
		case b == nil:
			return nil, fmt.Errorf("bugs.txt:%d: an entry begins with == name: what", n+1)
		case head == "file":
			b.file = rest
		case head == "test":
			b.tests = rest
		case line[0] == '-':
			b.old = append(b.old, line[1:])
		case line[0] == '+':
			b.now = append(b.now, line[1:])
		case line[0] == ' ':
			b.old, b.now = append(b.old, line[1:]), append(b.now, line[1:])
		default:
			return nil, fmt.Errorf("bugs.txt:%d: %q: begin a line with file:, test:, -, + or a blank", n+1, line)
		}
	}
	return all, nil
}

// copyOf copies the project as it is in the working tree, new files too and what git ignores not, into a new folder.
func copyOf() (string, error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return "", fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted in the working tree
		}
		info, statErr := os.Stat(name)
		to := filepath.Join(dir, name)
		if err := errors.Join(err, statErr, os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, b, info.Mode().Perm()); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// try plants the bug, runs its tests and takes the bug out again. nil: they caught it.
func (b bug) try(dir string) error {
	path := filepath.Join(dir, b.file)
	right, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	old := strings.Join(b.old, "\n")
	if n := strings.Count(string(right), old); n != 1 || old == "" {
		return fmt.Errorf("its lines stand %d times in %s, not once: write them anew", n, b.file)
	}
	wrong := strings.Replace(string(right), old, strings.Join(b.now, "\n"), 1)
	if err := os.WriteFile(path, []byte(wrong), 0o644); err != nil {
		return err
	}
	defer os.WriteFile(path, right, 0o644)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-vet=off", "-timeout=" + hang}, strings.Fields(b.tests)...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil && strings.Contains(string(out), "[no tests to run]"):
		return fmt.Errorf("go test %s runs no test: write their names anew", b.tests)
	case err == nil:
		return fmt.Errorf("go test %s passes", b.tests)
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		return fmt.Errorf("it does not compile: %s", out)
	case ctx.Err() != nil:
		return fmt.Errorf("go test %s did not end in %s", b.tests, patience)
	case !strings.Contains(string(out), "--- FAIL") && !strings.Contains(string(out), "panic: "):
		return fmt.Errorf("go test %s failed without a failed test: %s", b.tests, out)
	}
	return nil
}
