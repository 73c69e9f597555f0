package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

func TestSplitting(t *testing.T) {
	for _, c := range []struct {
		name, parse, content string
		want                 []string
		lines                []string
	}{
		{"none", "none", "a\nb\n", []string{"a\nb\n"}, []string{"1"}},
		{"lines", "lines", "a\r\n\nb\n c", []string{"a", "b", " c"}, []string{"1", "3", "4"}},
		{"ndjson with mark", "ndjson", "\xef\xbb\xbf{\"n\":1}\n \n{\"n\":2}", []string{`{"n":1}`, `{"n":2}`}, []string{"1", "3"}},
		{"csv", "csv", "a,b\n1,2\n3,4\n", []string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4"}`}, []string{"2", "3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newInbox(t, func(cfg *settings) { cfg.Parse = c.parse })
			var got catch
			stop := in.start(&got)
			in.drop("x.txt", c.content)
			in.wait("done/x.txt")
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			wantStrings(t, got.bodies(), c.want...)
			for i, m := range got.taken() {
				if m.Headers["file.name"] != "x.txt" || m.Headers["file.line"] != c.lines[i] || m.Time.IsZero() {
					t.Errorf("message %d: headers %v, time %v", i, m.Headers, m.Time)
				}
				base, number, _ := strings.Cut(m.ID, ".")
				if len(base) < 26 || strings.Contains(m.ID, "/") || number != fmt.Sprint(i+1) {
					t.Errorf("message %d has the ID %q", i, m.ID)
				}
			}
			if in.read("done/x.txt") != c.content || in.has(".processing") && len(must(os.ReadDir(filepath.Join(in.dir, ".processing")))) > 0 {
				t.Error("the file was not moved as it was")
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMovesOnlyAfterHandle(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	inside, release := make(chan struct{}), make(chan struct{})
	stop := in.start(hub.HandlerFunc(func(context.Context, *hub.Message) error {
		inside <- struct{}{}
		<-release
		return nil
	}))
	in.drop("a", "1\n2\n")
	<-inside
	<-inside
	for range 20 { // it has time to be wrong
		if in.has("done/a") || in.has("a") {
			t.Fatal("the file must lie in processing while its records are handled")
		}
		time.Sleep(5 * time.Millisecond)
	}
	close(release)
	in.wait("done/a")
	stop()
}

func TestRefusedRecords(t *testing.T) { // row 34: other records go on
	in := newInbox(t, func(c *settings) { c.Parse = "csv;" })
	got := catch{refuse: func(m *hub.Message, try int) error {
		v, _ := m.Body.Doc()
		switch v.Get("a").Str() {
		case "invalid":
			return hub.Fail(hub.Invalid, "schema", "no\ngood")
		case "later":
			if try < 3 {
				return hub.Fail(hub.Unavailable, "away", "not now")
			}
		case "unknown":
			if try < 2 {
				return fmt.Errorf("who knows")
			}
		}
		return nil
	}}
	stop := in.start(&got)
	in.drop("x.csv", "a;b\n1;1\n2\ninvalid;3\nlater;4\nunknown;5\n6;6\n")
	in.wait("failed/x.csv")
	stop()
	wantStrings(t, got.bodies(), `{"a":"1","b":"1"}`, `{"a":"later","b":"4"}`, `{"a":"unknown","b":"5"}`, `{"a":"6","b":"6"}`)
	list := strings.Split(strings.TrimSpace(in.read("failed/x.csv.errors")), "\n")
	slices.Sort(list)
	wantStrings(t, list, "line 3: bad_csv: 1 columns, expected 2", "line 4: schema: no good")
	if ids := got.ids(); !strings.HasSuffix(ids[1], ".4") {
		t.Errorf("a refused record must keep its number, got %q", ids)
	}
}

func TestFatalParseError(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "csv" })
	var got catch
	stop := in.start(&got)
	in.drop("x.csv", ",b\n1,1\n")
	in.wait("failed/x.csv")
	stop()
	if list := in.read("failed/x.csv.errors"); list != "line 1: bad_record: the header has a column without name\n" || len(got.taken()) != 0 {
		t.Errorf("list %q, messages %q", list, got.bodies())
	}
}

// TestNamesakeIsInFlight: a file that was moved away says nothing of the next one of its name, which may have been claimed meanwhile: that
// one would be read twice.
func TestNamesakeIsInFlight(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{inFlight: map[string]*job{}}
	first, second := &job{run: r, name: "a.csv", file: f, info: info}, &job{run: r, name: "a.csv"}
	r.inFlight["a.csv"] = second
	first.finish()
	if r.inFlight["a.csv"] != second {
		t.Error("the second file of the name counts as read by nobody")
	}
}

func TestSameAgainAndChanged(t *testing.T) { // row 56
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	var got catch
	stop := in.start(&got)
	for i, content := range []string{"1\n2\n", "1\n2\n", "1\n3\n"} {
		in.drop("a.csv", content)
		in.wait([]string{"done/a.csv", "done/a.1.csv", "done/a.2.csv"}[i])
	}
	stop()
	ids := map[string]int{}
	for _, id := range got.ids() {
		ids[id]++
	}
	twice, once := 0, 0
	for _, n := range ids {
		switch n {
		case 2:
			twice++
		case 1:
			once++
		}
	}
	if twice != 2 || once != 2 {
		t.Errorf("same content must give the same IDs, changed content new ones: %v", ids)
	}
	if in.read("done/a.csv") != "1\n2\n" || in.read("done/a.2.csv") != "1\n3\n" {
		t.Error("a file in done was written over")
	}
}

func TestReadAgainAfterCrash(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	first := catch{refuse: func(m *hub.Message, _ int) error {
		if string(m.Body.Bytes()) == "3" {
			return hub.Fail(hub.Unavailable, "away", "not now")
		}
		return nil
	}}
	stop := in.start(&first)
	in.drop("a", "1\n2\n3\n4\n")
	until(t, "never came", func() bool {
		first.mu.Lock()
		defer first.mu.Unlock()
		return len(first.msgs) >= 2 && len(first.tries) >= 3
	})
	if err := stop(); err != nil { // its file stays in processing, as after a crash
		t.Fatal(err)
	}
	if in.has("a") || in.has("done/a") {
		t.Error("the file must stay in processing")
	}
	in.drop("a", "5\n") // its namesake waits for it and does not replace it
	if err := os.WriteFile(filepath.Join(in.dir, ".processing", "loose"), []byte("x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var second catch
	stop = in.start(&second)
	in.wait("done/a")
	in.wait("done/a.1")
	in.wait("done/loose")
	stop()
	bodies := second.bodies()
	slices.Sort(bodies)
	wantStrings(t, bodies, "1", "2", "3", "4", "5", "x")
	again := second.ids()
	for _, id := range first.ids() {
		if !slices.Contains(again, id) {
			t.Errorf("%s came again under another ID: %q", id, again)
		}
	}
}

func TestTwoHubs(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	var a, b catch
	stopA, stopB := in.start(&a), in.start(&b)
	const files = 200
	for i := range files {
		in.drop(fmt.Sprintf("f%03d", i), fmt.Sprintf("%d\n", i))
	}
	until(t, "not all done", func() bool { return len(must(os.ReadDir(filepath.Join(in.dir, "done")))) == files })
	if err := stopA(); err != nil {
		t.Error(err)
	}
	if err := stopB(); err != nil {
		t.Error(err)
	}
	if n := len(a.msgs) + len(b.msgs); n != files {
		t.Errorf("%d messages of %d files", n, files)
	}
	if log := in.log.String(); log != "" {
		t.Errorf("losing a race is no news: %s", log)
	}
	if left := must(os.ReadDir(filepath.Join(in.dir, ".processing"))); len(left) != 0 {
		t.Errorf("left in processing: %v", left)
	}
}

func TestOnce(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "ndjson"; c.Once = true; c.Match = "*.ndjson" })
	in.drop("b.ndjson", "{\"n\":2}\n")
	in.drop("a.ndjson", "{\"n\":1}\n{\"n\":9}\n")
	in.drop("other.txt", "no")
	var ids [][]string
	for range 2 {
		got := catch{refuse: func(m *hub.Message, _ int) error {
			if strings.Contains(string(m.Body.Bytes()), "9") {
				return hub.Fail(hub.Invalid, "nine", "no nines")
			}
			return nil
		}}
		if err := in.open("").Run(context.Background(), &got); err != nil {
			t.Fatal(err)
		}
		wantStrings(t, got.bodies(), `{"n":1}`, `{"n":2}`)
		ids = append(ids, got.ids())
	}
	wantStrings(t, ids[0], ids[1]...)
	var left []string
	for _, e := range must(os.ReadDir(in.dir)) {
		left = append(left, e.Name())
	}
	wantStrings(t, left, "a.ndjson", "b.ndjson", "other.txt")
	if !strings.Contains(in.log.String(), "line=2 reason=nine") {
		t.Errorf("refused records are logged: %s", in.log.String())
	}
}

func TestOneFile(t *testing.T) {
	in := newInbox(t, nil)
	in.cfg.Path, in.cfg.Dir = filepath.Join(in.dir, "orders.csv"), ""
	var got catch
	stop := in.start(&got)
	in.drop("other.csv", "other")
	in.drop("orders.csv", "mine")
	in.wait("done/orders.csv")
	stop()
	wantStrings(t, got.bodies(), "mine")
}

func TestKeys(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "ndjson"; c.Key = "body.k"; c.Workers = 4 })
	var mu sync.Mutex
	busy, last, wrong := map[string]bool{}, map[string]int{}, 0
	var most, now atomic.Int64
	stop := in.start(hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		mu.Lock()
		line := atoi(m.Headers["file.line"])
		if busy[m.Key] || last[m.Key] > line || m.Key == "" {
			wrong++
		}
		busy[m.Key], last[m.Key] = true, line
		mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		mu.Lock()
		busy[m.Key] = false
		mu.Unlock()
		return nil
	}))
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "{\"k\":%d,\"i\":%d}\n", i%17, i)
	}
	in.drop("a", b.String())
	in.wait("done/a")
	stop()
	if wrong > 0 || most.Load() < 2 || most.Load() > 4 {
		t.Errorf("%d messages of one key at once or out of order; %d handlers at once", wrong, most.Load())
	}
}

func TestFolderReplaced(t *testing.T) {
	in := newInbox(t, nil)
	in.cfg.Dir = filepath.Join(in.dir, "sub")
	src := in.open("")
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { done <- src.Run(ctx, &catch{}) }()
	in.wait("sub/done")
	if err := os.RemoveAll(in.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if hub.AsError(err).Class != hub.Unavailable {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a source on a folder that is gone must end, so that the hub runs it again")
	}
}
