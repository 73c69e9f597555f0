package files

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderhub/hub"
)

// keeper is a handler that keeps what is refused; while away it says that it can't.
type keeper struct {
	catch
	mu      sync.Mutex
	refused []hub.Refusal
	away    bool
}

func (k *keeper) Refused(r hub.Refusal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = append(k.refused, r)
}

func (k *keeper) Kept(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away {
		return hub.Fail(hub.Unavailable, "disk", "not now")
	}
	return nil
}

func (k *keeper) list() (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.refused {
		out = append(out, fmt.Sprintf("%s %s: %s", r.Reason, r.Text, r.Head))
	}
	return out
}

// TestFault_V1_RefusedRecords: a record that gives no message is kept, under the ID that its message would have; so is a broken line of ndjson.
func TestFault_V1_RefusedRecords(t *testing.T) {
	for parse, c := range map[string]struct {
		content string
		taken   int
		want    string // begins with it
	}{
		"csv":    {"a,b\n1,2\n3\n4,5\n", 2, "bad_csv in.txt line 3: 1 columns, expected 2: 3"},
		"ndjson": {"{\"n\":1}\n{\"n\":\n\n{\"n\":3}\n", 2, `bad_json in.txt line 2: line 2 column 6: expected a value, found the end of the document: {"n":`},
		"lines":  {"short\n" + strings.Repeat("x", 3000) + "\nshort\n", 2, "too_large in.txt line 2: the line is larger than 2048 bytes: xxxxxxxxxx"},
	} {
		t.Run(parse, func(t *testing.T) {
			in := newInbox(t, func(c *settings) { c.Parse, c.Match, c.MaxRecord, c.Empty = parse, "*.txt", 2048, emptyFail })
			k := &keeper{}
			stop := in.start(k)
			in.drop("in.txt", c.content)
			in.wait("failed/in.txt")
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got := k.list(); len(got) != 1 || !strings.HasPrefix(got[0], c.want) || len(k.msgs) != c.taken {
				t.Errorf("%d taken, refused %q\nwant %q", len(k.msgs), got, c.want)
			}
			first := strings.TrimSuffix(k.refused[0].ID, ".2") + ".1"
			if !slices.ContainsFunc(k.msgs, func(m *hub.Message) bool { return m.ID == first }) {
				t.Errorf("ID %s beside %s and %s", k.refused[0].ID, k.msgs[0].ID, k.msgs[1].ID)
			}
		})
	}
}

// TestFault_V1_FileStaysUntilKept: a file with a refused record is not moved away before the hub has kept what was refused.
func TestFault_V1_FileStaysUntilKept(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse, c.Match = "ndjson", "*.txt" })
	k := &keeper{away: true}
	stop := in.start(k)
	in.drop("in.txt", "{\n")
	until(t, "the record is refused", func() bool { return len(k.list()) > 0 })
	if err := stop(); err == nil {
		t.Error("the source goes on though nothing can be kept")
	}
	if in.has("failed/in.txt") || in.has("done/in.txt") {
		t.Error("the file is moved away")
	}
	k.mu.Lock()
	k.away = false
	k.mu.Unlock()
	stop = in.start(k)
	in.wait("failed/in.txt")
	if err := stop(); err != nil {
		t.Error(err)
	}
}
