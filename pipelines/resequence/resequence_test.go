package resequence_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/pipelines"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/resequence"
	"orderhub/pipelines/send"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(step, behind string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{fail.Pattern(), resequence.Pattern(), send.Pattern(), translate.Pattern()}},
		YAML: `
channels:
  rows: {type: direct}
  done: {type: direct}
  gaps: {type: direct}
  late: {type: direct}
pipelines:
  p:
    from: rows
    lanes: 8
    steps:
      - resequence: ` + step + behind + `
      - send: done
`}
}

const full = `{by: body.s, order: body.n, wait: 1h, gap: gaps, late: late}`

func put(h *patterntest.Hub, id string, s, n int) {
	h.Put("rows", h.Message(id, fmt.Sprintf(`{"s":"s%d","n":%d}`, s, n)))
}

// lies are the bodies in a channel that nobody reads, in their order.
func lies(h *patterntest.Hub, channel string) (out []string) {
	for _, d := range h.Waiting(channel) {
		out = append(out, string(d.Msg.Body.Bytes()))
	}
	return out
}

func numbers(h *patterntest.Hub, channel string) string {
	var out []string
	for _, d := range h.Waiting(channel) {
		v, _ := d.Msg.Body.Doc()
		out = append(out, v.Get("n").Text())
	}
	return strings.Join(out, " ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestOrder: messages that come in any order go on in theirs, each once, though one comes twice; other sequences do not wait.
func TestOrder(t *testing.T) {
	h := patterntest.Start(t, config(full, ""))
	for i, n := range []int{3, 2, 5, 2, 3} {
		put(h, fmt.Sprint("a", i), 1, n)
	}
	h.Settle()
	want(t, "before the first", numbers(h, "done"), "")
	put(h, "b", 2, 1)
	h.Settle()
	want(t, "another sequence", numbers(h, "done"), "1")
	put(h, "c", 1, 1)
	h.Settle()
	want(t, "with the first", numbers(h, "done"), "1 1 2 3")
	put(h, "d", 1, 1)
	put(h, "e", 1, 4)
	h.Settle()
	want(t, "all", numbers(h, "done"), "1 1 2 3 4 5")
	want(t, "gaps", numbers(h, "gaps"), "")
	if dead := h.Dead(); len(dead) > 0 {
		t.Errorf("dead: %v", dead[0].Error)
	}
}

// TestGap: after the wait what is missing is told, and what is there goes on in its order; what comes behind it is late.
func TestGap(t *testing.T) {
	h := patterntest.Start(t, config(full, ""))
	put(h, "five", 1, 5)
	h.Settle()
	h.Clock.Advance(30 * time.Minute)
	put(h, "three", 1, 3)
	h.Settle()
	h.Clock.Advance(29 * time.Minute)
	h.Settle()
	want(t, "within the wait", numbers(h, "done"), "")
	h.Clock.Advance(time.Minute)
	h.Settle()
	want(t, "when the wait of 5 is over", numbers(h, "done"), "3")
	h.Clock.Advance(time.Hour)
	h.Settle()
	want(t, "when its second wait is over", numbers(h, "done"), "3 5")
	want(t, "gaps", strings.Join(lies(h, "gaps"), ""), `{"by":"s1","missing":[1,2],"next":3}{"by":"s1","missing":[4,4],"next":5}`)
	put(h, "two", 1, 2)
	put(h, "five again", 1, 5)
	put(h, "six", 1, 6)
	h.Settle()
	want(t, "late", numbers(h, "late"), "2")
	want(t, "behind", numbers(h, "done"), "3 5 6")
	h.Clock.Advance(31 * 24 * time.Hour) // the sequence is forgotten
	put(h, "new", 1, 1)
	h.Settle()
	want(t, "a new sequence", numbers(h, "done"), "3 5 6 1")
}

// TestFailedTurn: one whose turn it is and that does not go on holds those behind it for their wait, and is missing then.
func TestFailedTurn(t *testing.T) {
	h := patterntest.Start(t, config(full, "\n      - {when: body.n == 2, fail: broken}"))
	for n := 3; n > 0; n-- {
		put(h, fmt.Sprint("m", n), 1, n)
	}
	h.Settle()
	want(t, "before the dead one", numbers(h, "done"), "1")
	h.Clock.Advance(time.Hour)
	h.Settle()
	want(t, "behind it", numbers(h, "done"), "1 3")
	want(t, "gaps", strings.Join(lies(h, "gaps"), ""), `{"by":"s1","missing":[2,2],"next":3}`)
	if dead := h.Dead(); len(dead) != 1 {
		t.Errorf("%d dead letters", len(dead))
	}
}

// TestRandomOrders: 10,000 messages of 2,500 sequences, which come mixed, some twice and some never: each goes on in order, once, and each that is missing was told.
func TestRandomOrders(t *testing.T) {
	const sequences, long = 2_500, 4
	h := patterntest.Start(t, config(full, ""))
	random := rand.New(rand.NewPCG(7, 1))
	type row struct{ s, n int }
	var rows []row
	missing := map[row]bool{}
	for s := range sequences {
		for n := 1; n <= long; n++ {
			switch random.IntN(10) {
			case 0:
				missing[row{s, n}] = true
			case 1:
				rows = append(rows, row{s, n}, row{s, n})
			default:
				rows = append(rows, row{s, n})
			}
		}
	}
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for i, r := range rows {
		put(h, fmt.Sprint("m", i), r.s, r.n)
	}
	h.Settle()
	for range long {
		h.Clock.Advance(time.Hour)
		h.Settle()
	}
	went := map[string][]string{}
	for _, d := range h.Waiting("done") {
		v, _ := d.Msg.Body.Doc()
		went[v.Get("s").Str()] = append(went[v.Get("s").Str()], v.Get("n").Text())
	}
	told := map[row]bool{}
	for _, d := range h.Waiting("gaps") {
		v, _ := d.Msg.Body.Doc()
		var s int
		fmt.Sscanf(v.Get("by").Str(), "s%d", &s)
		from, _ := v.Get("missing").At(0).Num().Int64()
		to, _ := v.Get("missing").At(1).Num().Int64()
		for n := from; n <= to; n++ {
			told[row{s, int(n)}] = true
		}
	}
	for s := range sequences {
		var expected []string
		last := long
		for ; missing[row{s, last}]; last-- { // nothing stands behind it: nobody knows that it is missing
		}
		for n := 1; n <= last; n++ {
			if r := (row{s, n}); missing[r] != told[r] {
				t.Fatalf("sequence %d: number %d is missing: %v, told: %v", s, n, missing[r], told[r])
			} else if !missing[r] {
				expected = append(expected, fmt.Sprint(n))
			}
		}
		if got := went[fmt.Sprint("s", s)]; !slices.Equal(got, expected) {
			t.Fatalf("sequence %d went on as %q, want %q", s, got, expected)
		}
	}
	if late := len(h.Waiting("late")) + len(h.Dead()); late > 0 {
		t.Errorf("%d late or dead", late)
	}
}

func TestRefusals(t *testing.T) {
	h := patterntest.Start(t, config(`{by: body.s, order: body.n, wait: 1h}`, ""))
	for i, body := range []string{`{"s":"a","n":"x"}`, `{"s":"a","n":1.5}`, `{"s":"a","n":0}`} {
		h.Put("rows", h.Message(fmt.Sprint("m", i), body))
	}
	h.Settle()
	var got []string
	for _, d := range h.Dead() {
		got = append(got, d.Error.Reason)
	}
	want(t, "dead", fmt.Sprint(got), "[order order order]")
}

func TestProblems(t *testing.T) {
	for step, want := range map[string]string{
		`{order: body.n, wait: 1h}`:                               `needs "by"`,
		`{by: body.s, wait: 1h}`:                                  `needs "order"`,
		`{by: body.s, order: body.n}`:                             `needs "wait"`,
		`{by: body.s, order: body.n, wait: 40d}`:                  `write keep:`,
		`{by: body.s, order: body.n, wait: 1h, gap: gap}`:         `did you mean "gaps"`,
		`{by: body.s, order: body.n, wait: 1h, late: lat}`:        `did you mean "late"`,
		`{by: body.s, order: body.n, wait: 1h, gapp: late}`:       `did you mean "gap"`,
		`{by: body.s, order: {a: 1}, wait: 1h}`:                   `order`,
		`{by: body.s, order: body.n, wait: 1h, first: "the 1st"}`: `first`,
	} {
		if got := patterntest.Problems(t, config(step, "")); !strings.Contains(got, want) || !strings.Contains(got, "error") {
			t.Errorf("%s: want %s, got\n%s", step, want, got)
		}
	}
}
