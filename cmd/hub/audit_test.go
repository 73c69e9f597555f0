package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/audit"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// records are those of the audit log, the oldest first, as `hub audit export` prints them.
func (s *site) records() (lines []string, list []audit.Record) {
	s.t.Helper()
	for line := range strings.Lines(s.hub(0, "audit", "export")) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		lines, list = append(lines, strings.TrimSuffix(line, "\n")), append(list, r)
	}
	return lines, list
}

// TestActsAreRecorded: every act leaves its record with who, why, what and how it ended; looking leaves one when bodies are shown.
func TestActsAreRecorded(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
	s.start()
	s.hub(1, "send", "intake", `{"id":1,"total":-5,"kind":"web"}`, "--wait") // it leaves a dead letter
	s.hub(0, "pause", "work", "--by", "ann", "--why", "stock count")
	s.hub(0, "resume", "work", "--by", "ann")
	s.hub(1, "pause", "wrok", "--by", "ann")
	s.hub(0, "dlq") // shows no bodies
	seq := regexp.MustCompile(`(?m)^(\d+) `).FindStringSubmatch(s.hub(0, "dlq", "--group", s.group()))[1]
	s.hub(0, "dlq", "show", seq)
	s.hub(0, "replay", seq, "--dry-run")
	s.hub(0, "replay", seq, "--by", "bob", "--why", "mended \x1b[2J")
	await(t, "it failed again", func() bool { return strings.Contains(s.hub(0, "dlq"), " 1 ") })
	s.hub(0, "dlq", "drop", "--all", "--yes")
	s.hub(0, "reload")
	_, list := s.records()
	var got []string
	for i, r := range list {
		got = append(got, fmt.Sprintf("%s %s %d %s", r.Who, r.Act, r.Count, r.Outcome))
		if r.N != int64(i+1) || time.Since(r.Time) > time.Minute {
			t.Errorf("record %d: %+v", i+1, r)
		}
	}
	me := list[0].Who
	want := []string{me + " send 1 done", "ann pause 1 done", "ann resume 1 done", `ann pause 0 refused: no pipeline "wrok". Did you mean "work"?`,
		me + " view 1 done", "bob replay 1 done", me + " drop 1 done", me + " reload 1 done"}
	if me == "" || !slices.Equal(got, want) {
		t.Errorf("records\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r := list[1]; r.On != "work" || r.Why != "stock count" {
		t.Errorf("the pause: %+v", r)
	}
	if r := list[5]; r.Asked != `{"seqs":[`+seq+`],"limit":1}` || r.Why != `mended \u001b[2J` {
		t.Errorf("the replay: %+v", r)
	}
	has(t, s.hub(0, "audit", "--who", "bob"), "replay", "mended")
	has(t, s.hub(0, "audit", "list", "--act", "view"), "seq="+seq)
	s.stop()
	has(t, s.hub(0, "audit", "list", "--act", "reload"), "reload") // from the store's file
}

// group is the group of the only dead letters.
func (s *site) group() string {
	return strings.Fields(strings.Split(s.hub(0, "dlq"), "\n")[1])[0]
}

// TestAuditIsVerified: what anybody does to a record is told, in an export without a hub and in the store.
func TestAuditIsVerified(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
	s.start()
	for range 3 {
		s.hub(0, "pause", "work", "--by", "ann")
		s.hub(0, "resume", "work", "--by", "ann")
	}
	lines, _ := s.records()
	whole := s.hub(0, "audit", "verify")
	head := regexp.MustCompile(`head (\S+)`).FindStringSubmatch(whole)[1]
	has(t, whole, "the audit log is whole: 6 records, 1 to 6")
	for i, line := range lines { // as anybody may do it, by the words of the page alone
		parts := regexp.MustCompile(`^(.*),"hash":"(.*)"}$`).FindStringSubmatch(line)
		if sum := sha256.Sum256([]byte(parts[1] + "}")); hex.EncodeToString(sum[:]) != parts[2] {
			t.Errorf("record %d does not have the hash of its text", i+1)
		}
	}
	s.stop()
	file := filepath.Join(s.dir, "audit.ndjson")
	verify := func(code int, want string, lines []string, flags ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		has(t, s.hub(code, append([]string{"audit", "verify", file}, flags...)...), want)
	}
	edit := func(f func(l []string) []string) []string { return f(slices.Clone(lines)) }
	resealed := func(line, old, new string) string { // a forger who knows how hashes are made
		text := strings.Replace(line[:strings.Index(line, `,"hash":`)]+"}", old, new, 1)
		sum := sha256.Sum256([]byte(text))
		return strings.TrimSuffix(text, "}") + `,"hash":"` + hex.EncodeToString(sum[:]) + `"}`
	}
	verify(0, "is whole: 6 records", lines)
	verify(0, "is whole: 6 records", lines, "--head", head)
	verify(0, "is whole: 6 records", lines, "--head", "2:"+hashOf(lines[1]))
	verify(1, "line 3: record 3 was changed", edit(func(l []string) []string { l[2] = strings.Replace(l[2], "ann", "bob", 1); return l }))
	verify(1, "line 4: record 4 was written behind another record than the 3 that is here",
		edit(func(l []string) []string { l[2] = resealed(l[2], "ann", "bob"); return l }))
	verify(1, "line 3: record 3 was removed: record 4 comes next", edit(func(l []string) []string { return slices.Delete(l, 2, 3) }))
	verify(1, "line 2: record 2 was removed: record 3 comes next", edit(func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }))
	verify(1, "line 4: record 3 stands behind record 3", edit(func(l []string) []string { return slices.Insert(l, 3, l[2]) }))
	verify(1, "records 1 to 2 were removed at the beginning", lines[2:])
	verify(1, "records 5 to 6 were removed at the end", lines[:4], "--head", head)
	verify(1, "can't be read: it does not end with a hash", edit(func(l []string) []string { l[5] = l[5][:40]; return l }))
	anew := edit(func(l []string) []string {
		l[0] = resealed(l[0], "ann", "bob")
		for i := 1; i < len(l); i++ {
			l[i] = resealed(l[i], hashOf(lines[i-1]), hashOf(l[i-1]))
		}
		return l
	})
	verify(0, "is whole", anew) // only a head that was kept elsewhere tells
	verify(1, "record 6 is not the one whose hash was kept", anew, "--head", head)
	verify(2, "is no place in the log", lines, "--head", "6")

	s.storeWrite("audit", fmt.Sprintf("%019d", 6), nil) // and the store itself
	has(t, s.hub(1, "audit", "verify"), "record 6 was removed at the end")
	s.storeWrite("audit", fmt.Sprintf("%019d", 2), []byte(strings.Replace(lines[1], "ann", "bob", 1)))
	has(t, s.hub(1, "audit", "verify"), "record 2 was changed")
}

func hashOf(line string) string { return line[len(line)-66 : len(line)-2] }

// storeWrite changes a record of the store's file behind the hub's back.
func (s *site) storeWrite(kind, key string, value []byte) {
	s.t.Helper()
	st, err := drivers.Open(context.Background(), "sqlite:"+filepath.Join(s.dir, "hub.db"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	if err := st.Commit(context.Background(), &hub.Unit{Writes: []hub.Write{{Kind: kind, Key: key, Value: value, IfVersion: hub.AnyVersion}}}); err != nil {
		s.t.Fatal(err)
	}
}

// TestCallsThatChangeAreActs: each call but those that look has the name of its act.
func TestCallsThatChangeAreActs(t *testing.T) {
	source, err := os.ReadFile("internal/api/calls.go")
	if err != nil {
		t.Fatal(err)
	}
	acts := 0
	for _, m := range regexp.MustCompile(`(\w+) += acts\[.*\]\("[^"]*", "([^"]*)"`).FindAllStringSubmatch(string(source), -1) {
		if acts++; m[2] == "" {
			t.Errorf("%s has no act", m[1])
		}
	}
	if n := strings.Count(string(source), "MethodPost"); n != 3 { // of acts, of PostDiff and of PostTry
		t.Errorf("%d kinds of calls that may change something", n)
	}
	if acts < 13 {
		t.Errorf("only %d acts found", acts)
	}
}

// TestLooksAreRecorded: who is shown the beginning of what was refused is recorded; who is told only that it was is not.
func TestLooksAreRecorded(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	res, err := http.Post(s.ready.URLs["web"]+"/orders", "application/json", strings.NewReader(`{"id": "W-1", `))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	var list []hub.Refusal
	if err := json.Unmarshal([]byte(s.hub(0, "refused", "list", "-o", "json")), &list); err != nil || len(list) != 1 || list[0].Begins != "" {
		t.Fatalf("refused: %+v, %v", list, err)
	}
	if _, acts := s.records(); len(acts) > 0 {
		t.Errorf("a list is no look: %+v", acts)
	}
	has(t, s.hub(0, "refused", "show", list[0].ID, "--by", "ann"), `{"id": "W-1", `)
	has(t, s.hub(0, "trace", list[0].ID, "--by", "bob"), `{"id": "W-1", `)
	_, acts := s.records()
	if len(acts) != 2 || acts[0].Act != "view" || acts[0].Who != "ann" || acts[1].Act != "view" || acts[1].On != list[0].ID || acts[1].Who != "bob" {
		t.Errorf("looks: %+v", acts)
	}
}
