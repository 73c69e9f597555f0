package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fault is one slip of a pen: old becomes new, and the caret belongs under mark.
type fault struct{ old, new, mark, message, help string }

var faults = []fault{
	{"    timeout: 5s\n", "    timeout: 5\n", "5\n    limits",
		"error[E110]: timeout: 5 has no unit; write 5s, 5m or 5ms", ""},
	{"partner.feed: {type: headers, schema: order}", "partner.feed: {type: headers, schema: ordr}", "ordr}",
		`error[E213]: unknown schema "ordr"`, `did you mean "order"?`},
	{"email: =lower(body.user.email)}", "email: =lower(body.user.mail)}", "mail)}",
		"error[E301]: body.user has no field mail", `did you mean "email"?`},
	{"card: '=body.pay?.token'", "card: =body.pay?.token", "=body.pay?.token}",
		"error[E014]: YAML cuts this formula at one of , ? [ ] { } because it is unquoted inside { } or [ ]", "quote this formula: '=body.pay?.token'"},
	{"- wire_tap: {send: audit", "- tap: {send: audit", "tap: {",
		`error[E203]: unknown step "tap"`, "write wire_tap"},
	{"call: billing.charge\n", "call: billing.chrage\n", "billing.chrage",
		`error[E244]: billing has no operation "chrage"`, `did you mean "billing.charge"?`},
}

// place is line:col of the one mark in text.
func (f fault) place(t *testing.T, text string) string {
	t.Helper()
	before, behind, ok := strings.Cut(text, f.mark)
	if !ok || strings.Contains(behind, f.mark) {
		t.Fatalf("%q is not there once", f.mark)
	}
	return fmt.Sprintf("%d:%d", 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]))
}

// faulty makes a folder with the configuration of testdata/faults, changed as said.
func faulty(t *testing.T, list []fault) (file, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "schemas"), os.DirFS("../../config/schemas")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/faults/pipelines.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = string(b)
	for _, f := range list {
		if strings.Count(text, f.old) != 1 {
			t.Fatalf("%q is not there once", f.old)
		}
		text = strings.Replace(text, f.old, f.new, 1)
	}
	file = filepath.Join(dir, "pipelines.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, text
}

// told checks that out tells the faults, each at its place with its help, and nothing else.
func told(t *testing.T, list []fault, file, text, out string) {
	t.Helper()
	for _, f := range list {
		want := file + ":" + f.place(t, text) + ": " + f.message + "\n"
		_, behind, ok := strings.Cut(out, want)
		if !ok {
			t.Errorf("not told: %s", want)
			continue
		}
		lines := strings.SplitN(behind, "\n", 4)
		if help := "       = help: " + f.help; f.help != "" && (len(lines) < 3 || lines[2] != help) {
			t.Errorf("%s: no line %q", f.message, help)
		}
	}
	if n := strings.Count(out, file+":"); n != len(list) {
		t.Errorf("%d problems, %d faults:\n%s", n, len(list), out)
	}
}

// TestFaults: six faults in a hundred lines are told in one run, at their places, with what to write, at once.
func TestFaults(t *testing.T) {
	file, text := faulty(t, faults)
	best := time.Hour
	for range 7 {
		var out, talk bytes.Buffer
		began := time.Now()
		code := run(context.Background(), []string{"validate", file}, strings.NewReader(""), &out, &talk)
		took := time.Since(began)
		best = min(best, took)
		if code != 1 {
			t.Fatalf("exit %d: %s", code, talk.String())
		}
		if !strings.Contains(talk.String(), ": 6 errors\n") {
			t.Errorf("it says %q", talk.String())
		}
		told(t, faults, file, text, out.String())
		t.Logf("validate took %v", took)
	}
	if limit := 500 * time.Millisecond; best > limit { // 15 ms where nothing else runs
		t.Errorf("validate takes %v, more than %v", best, limit)
	}
}

// TestEachFaultAlone: none of them is told twice, or hides behind another.
func TestEachFaultAlone(t *testing.T) {
	for i, f := range faults {
		t.Run(f.message[6:10], func(t *testing.T) {
			file, text := faulty(t, faults[i:i+1])
			var out, talk bytes.Buffer
			if code := run(context.Background(), []string{"validate", file}, strings.NewReader(""), &out, &talk); code != 1 {
				t.Errorf("exit %d: %s", code, talk.String())
			}
			told(t, faults[i:i+1], file, text, out.String())
		})
	}
}

// TestNoFault: without them nothing is told, so it is the faults that the tests above see.
func TestNoFault(t *testing.T) {
	file, _ := faulty(t, nil)
	var out, talk bytes.Buffer
	if code := run(context.Background(), []string{"validate", file}, strings.NewReader(""), &out, &talk); code != 0 || talk.Len() > 0 || !strings.HasPrefix(out.String(), "valid in ") {
		t.Errorf("exit %d: %s%s", code, out.String(), talk.String())
	}
}

// TestFaultsOfTheBinary runs the command as people do: built without the race detector, start included.
func TestFaultsOfTheBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	hub := filepath.Join(hubBinary(t), "hub")
	file, text := faulty(t, faults)
	best := time.Hour
	for range 7 {
		var out bytes.Buffer
		cmd := exec.Command(hub, "validate", file)
		cmd.Stdout = &out
		began := time.Now()
		err := cmd.Run()
		took := time.Since(began)
		best = min(best, took)
		if cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("exit %v", err)
		}
		told(t, faults, file, text, out.String())
		t.Logf("hub validate took %v", took)
	}
	if limit := 250 * time.Millisecond; best > limit {
		t.Errorf("hub validate takes %v, more than %v", best, limit)
	}
}
