package files

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// rowsBehind is a format of lines behind a header line.
var rowsBehind = &hub.Format{Name: "rows", Type: "text/csv",
	Encode: func(v doc.Value) ([]byte, error) { return []byte("id\n" + v.Text() + "\n"), nil },
	Append: func(b hub.Body, first bool) ([]byte, error) {
		v, _ := b.Doc()
		if v.Text() == "bad" || first && v.Text() == "no head" {
			return nil, hub.Fail(hub.Invalid, "no_csv", "bad")
		}
		if first {
			return []byte("id\n" + v.Text() + "\n"), nil
		}
		return []byte(v.Text() + "\n"), nil
	}}

// adding is a target that adds to files, of an adapter of its own.
func adding(t *testing.T, dir string) hub.Target {
	t.Helper()
	cfg := defaultConfig()
	cfg.Dir, cfg.Append = dir, true
	target, err := must(Component().Open(cfg, &hub.Env{Name: "out", Dir: "/", Clock: hub.RealClock{}})).Target("{day}.csv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

func row(id string) *hub.Message {
	return &hub.Message{ID: id, Headers: hub.Headers{"day": "monday"}, Body: hub.DocumentBody(doc.StringValue(id)).In(rowsBehind)}
}

func send(t *testing.T, to hub.Target, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := to.Send(context.Background(), row(id)); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
}

// wantRows checks the file to the byte.
func wantRows(t *testing.T, dir string, ids ...string) {
	t.Helper()
	if got, want := string(must(os.ReadFile(filepath.Join(dir, "monday.csv")))), "id\n"+strings.Join(ids, "\n")+"\n"; got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
}

// TestAppend: many senders at once, each message twice; each is in the file once, behind one header, also after the file was closed.
func TestAppend(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		target := adding(t, dir)
		var all sync.WaitGroup
		for i := range 400 {
			all.Go(func() { send(t, target, fmt.Sprint("m", i%200)) })
		}
		all.Wait()
		target.Close()
	}
	text := string(must(os.ReadFile(filepath.Join(dir, "monday.csv"))))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	seen := map[string]int{}
	for _, line := range lines {
		seen[line]++
	}
	if len(lines) != 201 || len(seen) != 201 || lines[0] != "id" {
		t.Errorf("%d lines, %d different, the first is %s", len(lines), len(seen), lines[0])
	}
	if got := names(t, dir); len(got) != 2 { // and the journal
		t.Errorf("the folder has %q", got)
	}
}

// TestAppendAfterCrash cuts file and journal at each place where a crash can leave them; the message that nobody was answered for is sent again.
func TestAppendAfterCrash(t *testing.T) {
	made := t.TempDir()
	first := adding(t, made)
	send(t, first, "a", "b")
	before := must(os.ReadFile(filepath.Join(made, "monday.csv")))
	noted := must(os.ReadFile(filepath.Join(made, ".monday.csv.added")))
	send(t, first, "c")
	first.Close()
	after, notedAfter := must(os.ReadFile(filepath.Join(made, "monday.csv"))), must(os.ReadFile(filepath.Join(made, ".monday.csv.added")))
	crash := func(what string, file, journal []byte) {
		dir := t.TempDir()
		if os.WriteFile(filepath.Join(dir, "monday.csv"), file, 0o600) != nil || os.WriteFile(filepath.Join(dir, ".monday.csv.added"), journal, 0o600) != nil {
			t.Fatal("can't write")
		}
		for range 2 { // and once more: what was mended stays so
			again := adding(t, dir)
			send(t, again, "a", "b", "c", "d")
			again.Close()
		}
		if wantRows(t, dir, "a", "b", "c", "d"); t.Failed() {
			t.Fatal(what)
		}
	}
	for cut := len(noted); cut <= len(notedAfter); cut++ {
		crash(fmt.Sprint("journal cut at ", cut), before, notedAfter[:cut])
	}
	for cut := len(before); cut <= len(after); cut++ {
		crash(fmt.Sprint("file cut at ", cut), after[:cut], notedAfter)
		torn := append(bytes.Clone(after[:cut]), make([]byte, len(after)-cut)...)
		crash(fmt.Sprint("zeros from ", cut), torn, notedAfter)
	}
}

// TestAppendStream: what comes in a stream is written whole and in order; one record behind it waits for no other.
func TestAppendStream(t *testing.T) {
	const records = 20_000
	dir := t.TempDir()
	target := adding(t, dir).(hub.Later)
	var want []string
	var left sync.WaitGroup
	left.Add(records)
	for i := range records {
		want = append(want, strconv.Itoa(i))
		target.SendLater(context.Background(), row(want[i]), func(err error) {
			if err != nil {
				t.Error(err)
			}
			left.Done()
		})
	}
	left.Wait()
	send(t, target.(hub.Target), "last")
	wantRows(t, dir, append(want, "last")...)
}

// TestAppendTakenAway: who fetches the file renames it; the next record begins a new one, and what was in the old one stays known.
func TestAppendTakenAway(t *testing.T) {
	for _, closed := range []bool{false, true} { // then the last batch is not known: nobody saw it whole
		dir := t.TempDir()
		target := adding(t, dir)
		send(t, target, "a", "b", "c")
		if closed {
			target.Close()
			target = adding(t, dir)
		}
		if err := os.Rename(filepath.Join(dir, "monday.csv"), filepath.Join(dir, "fetched")); err != nil {
			t.Fatal(err)
		}
		send(t, target, "d", "a", "b", "e")
		wantRows(t, dir, "d", "e")
	}
}

// TestAppendForeign: to a file that was there before is added; one that somebody else adds to between is not harmed; a link is refused.
func TestAppendForeign(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "monday.csv")
	if err := os.WriteFile(name, []byte("id\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := adding(t, dir)
	send(t, target, "a")
	f := must(os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0))
	must(f.WriteString("y\n"))
	f.Close()
	send(t, target, "b", "a")
	wantRows(t, dir, "x", "a", "y", "b")

	other := adding(t, dir)
	if err := other.Send(context.Background(), row("c")); reason(err) != "unavailable file_locked" {
		t.Errorf("two at one file: %v", err)
	}
	linked := t.TempDir()
	if err := os.Symlink(name, filepath.Join(linked, "monday.csv")); err != nil {
		t.Fatal(err)
	}
	if err := adding(t, linked).Send(context.Background(), row("d")); reason(err) != "rejected not_regular_file" {
		t.Errorf("a link: %v", err)
	}
}

// TestAppendNames: messages whose IDs differ in a blank, a plus, a percent sign or a line end are different ones, also when the file is opened again.
func TestAppendNames(t *testing.T) {
	dir, ids := t.TempDir(), []string{"a b", "a+b", "a%20b", "a%2520b", "a/b", "ä"}
	for range 2 {
		target := adding(t, dir)
		send(t, target, ids...)
		target.Close()
	}
	wantRows(t, dir, ids...)
}

// TestAppendRefuses: what can't be a record is told, and harms no other.
func TestAppendRefuses(t *testing.T) {
	dir := t.TempDir()
	target := adding(t, dir)
	err := target.Send(context.Background(), message("m", `{"a":1}`, hub.Headers{"day": "monday"}))
	if reason(err) != "invalid no_append" || !strings.Contains(err.Error(), "write format: ndjson") {
		t.Errorf("JSON: %v", err)
	}
	if err := target.Send(context.Background(), row("bad")); reason(err) != "invalid no_csv" {
		t.Errorf("bad: %v", err)
	}
	if err := target.Send(context.Background(), row("no head")); reason(err) != "invalid no_csv" {
		t.Errorf("a first record without its head: %v", err)
	}
	send(t, target, "a", "no head")
	wantRows(t, dir, "a", "no head")
	target.Close()
	if err := target.Send(context.Background(), row("b")); err != hub.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// TestAppendKnows: the journal stays short, and knows the last messages however many there were.
func TestAppendKnows(t *testing.T) {
	dir := t.TempDir()
	target := adding(t, dir)
	const all = 2*knownRecords + 500
	var senders sync.WaitGroup
	for lane := range 250 {
		senders.Go(func() {
			for i := lane; i < all; i += 250 {
				send(t, target, fmt.Sprint("m", i))
			}
		})
	}
	senders.Wait()
	for i := all - 5000; i < all; i++ {
		send(t, target, fmt.Sprint("m", i))
	}
	if got := bytes.Count(must(os.ReadFile(filepath.Join(dir, "monday.csv"))), []byte("\n")); got != all+1 {
		t.Errorf("%d lines, want %d", got, all+1)
	}
	if got := bytes.Count(must(os.ReadFile(filepath.Join(dir, ".monday.csv.added"))), []byte(" m")); got > 2*knownRecords+2*250 {
		t.Errorf("the journal has %d entries", got)
	}
}
