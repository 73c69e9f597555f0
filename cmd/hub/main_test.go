package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// command is the command as people have it, without the race detector, which makes each start slow. It is built once, when the first test wants it.
var command struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(command.dir) // "": nothing
	os.Exit(code)
}

// hubBinary is the folder of the command.
func hubBinary(t *testing.T) string {
	t.Helper()
	command.once.Do(func() {
		if command.dir, command.err = os.MkdirTemp("", "hub-cmd-"); command.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(command.dir, "hub"), ".").CombinedOutput()
		if err != nil {
			command.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if command.err != nil {
		t.Fatal("build:", command.err)
	}
	return command.dir
}

// TestScripts runs the scripts of testdata/script with the real command.
func TestScripts(t *testing.T) {
	dir := hubBinary(t)
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireUniqueNames: true, Setup: func(env *testscript.Env) error {
		env.Setenv("PATH", dir+string(filepath.ListSeparator)+env.Getenv("PATH"))
		return nil
	}})
}
