package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// TestFault_F1_WriterPauses: a file whose writer pauses in the middle of a row, for longer than `stable`, is left alone as long as it is open.
func TestFault_F1_WriterPauses(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse, c.Stable = "csv", 200*time.Millisecond })
	f := must(os.Create(filepath.Join(in.dir, "a.csv")))
	defer f.Close()
	probe := must(os.Open(f.Name()))
	defer probe.Close()
	if !openToWrite(probe) {
		t.Skip("the system does not say that a file is open to write")
	}
	var got catch
	stop := in.start(&got)
	f.WriteString("id,qty\nA,1\nB,") // half a row
	time.Sleep(time.Second)          // the pause of the writer
	if !in.has("a.csv") {
		t.Error("the file is read while it is written")
	}
	f.WriteString("2\nC,3\n")
	f.Close()
	in.wait("done/a.csv")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantStrings(t, got.bodies(), `{"id":"A","qty":"1"}`, `{"id":"B","qty":"2"}`, `{"id":"C","qty":"3"}`)
}

// TestFault_F1_GrowsInDone: a file that grows after it was moved away is read again. Its records keep their IDs, but for the last one, which
// may have been half of one.
func TestFault_F1_GrowsInDone(t *testing.T) {
	for name, c := range map[string]struct {
		first, rest string
		again, anew []string // bodies of records under the IDs of before, and under new ones
	}{
		"at the end of a line": {"1\n2\n3\n", "4\n5\n", []string{"1", "2"}, []string{"3", "4", "5"}},
		"in a record":          {"1\n2\n3", "3\n4\n", []string{"1", "2"}, []string{"33", "4"}},
		"of one record":        {"1", "1\n2\n", nil, []string{"11", "2"}},
		"of none":              {"", "1\n2\n", nil, []string{"1", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInbox(t, func(c *settings) { c.Parse = "lines" })
			var got catch
			stop := in.start(&got)
			in.drop("a", c.first)
			in.wait("done/a")
			first := map[string]bool{}
			for _, id := range got.ids() {
				first[id] = true
			}
			f := must(os.OpenFile(filepath.Join(in.dir, "done", "a"), os.O_APPEND|os.O_WRONLY, 0))
			f.WriteString(c.rest)
			f.Close()
			want := len(first) + len(c.again) + len(c.anew)
			until(t, "the rest is not read", func() bool { return len(got.taken()) == want })
			in.wait("done/a")
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			var again, anew []string
			got.mu.Lock()
			defer got.mu.Unlock()
			for _, m := range got.msgs[len(first):] {
				if first[m.ID] {
					again = append(again, string(m.Body.Bytes()))
				} else {
					anew = append(anew, string(m.Body.Bytes()))
				}
			}
			slices.Sort(again)
			slices.Sort(anew)
			wantStrings(t, again, c.again...)
			wantStrings(t, anew, c.anew...)
			if !strings.Contains(in.log.String(), "event=file_grew file=a") {
				t.Errorf("nobody is told: %s", in.log.String())
			}
		})
	}
}

// TestFault_F1_GrowsTwice: each part is new once.
func TestFault_F1_GrowsTwice(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	var got catch
	stop := in.start(&got)
	in.drop("a", "0\n")
	n := 1
	for part := range 3 {
		in.wait("done/a")
		f := must(os.OpenFile(filepath.Join(in.dir, "done", "a"), os.O_APPEND|os.O_WRONLY, 0))
		var lines strings.Builder
		for range 100 {
			fmt.Fprintln(&lines, n)
			n++
		}
		f.WriteString(lines.String())
		f.Close()
		until(t, "not read again", func() bool { return strings.Count(in.log.String(), "event=file_grew") == part+1 })
	}
	in.wait("done/a")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, m := range got.taken() {
		if before, known := bodies[m.ID]; known && before != string(m.Body.Bytes()) {
			t.Errorf("the ID %s is that of %q and of %q", m.ID, before, m.Body.Bytes())
		}
		bodies[m.ID] = string(m.Body.Bytes())
	}
	if len(bodies) < n || len(bodies) > n+3 {
		t.Errorf("%d IDs for %d lines", len(bodies), n)
	}
}

// TestFault_F1_Markers: a file is read when its marker is there, and both go; the marker is no file of its own.
func TestFault_F1_Markers(t *testing.T) {
	for _, c := range []struct{ marker, of, ofB string }{{"{name}.done", "a.csv.done", "b.csv.done"}, {"{base}.ok", "a.ok", "b.ok"}, {"ready-{name}", "ready-a.csv", "ready-b.csv"}} {
		in := newInbox(t, func(s *settings) { s.Marker = c.marker })
		var got catch
		stop := in.start(&got)
		in.drop("a.csv", "x")
		in.drop("b.csv", "y")
		in.drop(c.ofB, "")
		in.wait("done/b.csv") // a.csv was there before
		if !in.has("a.csv") {
			t.Errorf("%s: read without its marker", c.marker)
		}
		in.drop(c.of, "")
		in.wait("done/a.csv")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		wantStrings(t, got.bodies(), "x", "y")
		if in.has(c.of) {
			t.Errorf("the marker %s stays, and would be that of the next file", c.of)
		}
	}
}

// TestFault_F1_RenameConventions: names that programs give to what they still write are not read, until they are renamed.
func TestFault_F1_RenameConventions(t *testing.T) {
	in := newInbox(t, nil)
	var got catch
	stop := in.start(&got)
	names := []string{"a.tmp", "b.csv.part", "c.filepart", "d.PARTIAL", "e.crdownload", "f~", ".g"}
	for _, name := range names {
		in.drop(name, name)
	}
	in.drop("last", "last")
	in.wait("done/last")
	if err := os.Rename(filepath.Join(in.dir, "b.csv.part"), filepath.Join(in.dir, "b.csv")); err != nil {
		t.Fatal(err)
	}
	in.wait("done/b.csv")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantStrings(t, got.bodies(), "b.csv.part", "last")
	in.cfg.Match = "*.tmp"
	stop = in.start(&catch{})
	in.wait("done/a.tmp") // asked for by name
	stop()
}

// TestContentTypes: a file that is read whole says by its ending what it is; the format of the source says more.
func TestContentTypes(t *testing.T) {
	for _, c := range []struct {
		name, format  string
		whole         bool
		kind, coding  string
		body          string
		formatOfWhole string
	}{
		{name: "a.csv", kind: "text/csv", body: "a,b\n1,2\n"},
		{name: "A.XML", kind: "application/xml", body: "a,b\n1,2\n"},
		{name: "a.json", kind: "application/json", body: "a,b\n1,2\n"},
		{name: "a.csv.gz", kind: "text/csv", coding: "gzip", body: "a,b\n1,2\n"},
		{name: "a.gz", kind: "application/octet-stream", coding: "gzip", body: "a,b\n1,2\n"},
		{name: "a.dat", body: "a,b\n1,2\n"},
		{name: "a", body: "a,b\n1,2\n"},
		{name: "a.json", format: "csv", body: `{"a":"1","b":"2"}`},
		{name: "a.json", format: "csv", whole: true, kind: "text/csv", body: "a,b\n1,2\n", formatOfWhole: "csv"},
		{name: "a.csv", format: "zipped", whole: true, kind: "text/csv", coding: "gzip", body: "a,b\n1,2\n", formatOfWhole: "zipped"},
	} {
		in := newInbox(t, func(s *settings) { s.Parse, s.Whole = c.format, c.whole })
		var got catch
		stop := in.start(&got)
		in.drop(c.name, "a,b\n1,2\n")
		in.wait("done/" + c.name)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		m := got.taken()[0]
		if f := m.Body.Format(); f != formats[c.formatOfWhole] {
			t.Errorf("%s: the body has the format %v", c.name, f)
		}
		if string(m.Body.Bytes()) != c.body || m.Headers[hub.HeaderContentType] != c.kind || m.Headers[hub.HeaderEncoding] != c.coding {
			t.Errorf("%s: %q with %v", c.name, m.Body.Bytes(), m.Headers)
		}
	}
}
