package matrix

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// carrier is a way for a request to who answers it.
type carrier struct {
	adapters, channels string            // what the configuration needs of it
	from, call         string            // of who answers, and of who asks
	untold             bool              // the texts don't count
	texts              map[string]string // of classes whose text is another one for who asks
}

// asked is what a text of a bug is outside of the hub.
var asked = map[string]string{"bug": "internal error"}

// carriers are all ways, each with a place of its own.
var carriers = map[string]func(t *testing.T, place string) carrier{
	"store": func(_ *testing.T, place string) carrier {
		return carrier{channels: place + ": {type: direct}", from: place, call: place}
	},
	"rabbitmq": func(t *testing.T, place string) carrier {
		r := newRabbit(t)
		r.queue(t, place)
		return carrier{adapters: fmt.Sprintf("far: {type: amqp, url: %q}", r.url), channels: place + ": {type: direct, via: far}", from: place, call: place, texts: asked}
	},
	"kafka": func(t *testing.T, place string) carrier {
		addr := env("HUB_TEST_KAFKA", "127.0.0.1:9092")
		reachable(t, "Kafka", addr)
		return carrier{adapters: fmt.Sprintf("far: {type: kafka, brokers: %q, reply_topic: %s.replies}", addr, place), channels: place + ": {type: direct, via: far}", from: place, call: place, texts: asked}
	},
	"stomp": func(t *testing.T, place string) carrier {
		newRabbit(t).queue(t, place)
		addr := env("HUB_TEST_STOMP", "127.0.0.1:61613")
		reachable(t, "STOMP", addr)
		return carrier{adapters: fmt.Sprintf("far: {type: stomp, url: %q, ops: {ask: /queue/%s}}", "stomp://guest:guest@"+addr, place), from: "{far: /queue/" + place + "}", call: "far.ask", texts: asked}
	},
	"http": func(t *testing.T, place string) carrier {
		addr := hubtest.FreePort(t)
		return carrier{adapters: fmt.Sprintf("far: {type: http-client, url: %q, ops: {ask: POST /%s}}\n  there: {type: http-server, listen: %q}", "http://"+addr, place, addr),
			from: "{there: POST /" + place + "}", call: "far.ask", texts: map[string]string{"bug": "something went wrong on our side; tell us the trace id",
				"timeout": "no answer in time; it is safe to try again with the same Idempotency-Key", "unavailable": "the service is not available now; try again",
				"throttled": "too much at once; try again later"}}
	},
}

const errorsConfig = `adapters:
  in: {type: http-server, listen: %q}
  notes: {type: http-client, url: %q, ops: {put: POST /notes, dawdle: POST /slow, refuse: POST /no, look: GET /notes}}
  %s
channels:
  commands: {type: direct}
  %s
retries:
  soon: {times: 1000, wait: 100ms}
pipelines:
  take:
    from: {in: POST /commands}
    steps:
      - send: commands
      - reply: 202
  caller:
    from: commands
    steps:
      - call: %s
        timeout: %s
        errors: {other: {call: notes.put, with: {who: caller, n: =body.n, class: =error.class, reason: =error.reason, said: =error.message, partial: =error.partial}, retry: soon}}
  callee:
    from: %s
    steps:
%s      - reply: {body: {ok: true}}
    errors:
      %s: {call: notes.put, with: {who: callee, n: =body.n, class: =error.class, reason: =error.reason, said: =error.message, partial: =error.partial}}
`

type note struct {
	Who, N, Class, Reason, Said string
	Partial                     bool
}

// notes is where both sides say what they know of an error.
type notes struct {
	mu  sync.Mutex
	all []note
}

func (n *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var one note
	if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	n.all = append(n.all, one)
	n.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (n *notes) sorted() []note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(slices.Values(n.all), byNote)
}

func byNote(a, b note) int { return cmp.Or(strings.Compare(a.N, b.N), strings.Compare(a.Who, b.Who)) }

// askAll runs a hub whose callee does the steps, has a command in it for each of ns, and waits for what both sides noted.
// patience is how long who asks waits for an answer.
func askAll(t *testing.T, c carrier, patience, steps, takes string, ns []string, want []note) {
	t.Helper()
	got := &notes{}
	mux := http.NewServeMux()
	mux.Handle("/notes", got)
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(6 * time.Second):
		}
	})
	mux.HandleFunc("POST /no", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	far := httptest.NewServer(mux)
	t.Cleanup(far.Close)
	addr := hubtest.FreePort(t)
	h := runHub(t, t.TempDir(), fmt.Sprintf(errorsConfig, addr, far.URL, c.adapters, c.channels, c.call, patience, c.from, steps, takes))
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	for _, n := range ns {
		res, err := client.Post("http://"+addr+"/commands", "application/json", strings.NewReader(fmt.Sprintf(`{"n":%q}`, n)))
		if err != nil || res.StatusCode != http.StatusAccepted {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	slices.SortFunc(want, byNote)
	for end := time.Now().Add(time.Minute); len(got.sorted()) < len(want) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second) // what came twice has come
	all := got.sorted()
	for i := range all {
		if c.untold {
			all[i].Said = ""
		}
	}
	if !slices.Equal(all, want) {
		t.Errorf("got  %+v\nwant %+v\n%s", all, want, h.report())
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}

func eachCarrier(t *testing.T, run func(t *testing.T, name string, c carrier)) {
	if _, err := hubtest.Binary(); err != nil {
		t.Fatal(err)
	}
	sideBySide(len(carriers), slices.Sorted(maps.Keys(carriers)), func(name string) {
		t.Run(name, func(t *testing.T) {
			run(t, name, carriers[name](t, fmt.Sprintf("hubtest-errors-%d-%d", os.Getpid(), time.Now().UnixNano())))
		})
	})
}

// Whatever carries a request, who asked sees the class, the reason and the text of the error that it ended with, and its
// own `errors:` decides; those of who answered ran there, once.
func TestFault_M8_OneJourney(t *testing.T) {
	classes := []string{"invalid", "rejected", "timeout", "unavailable", "throttled", "bug", "out_of_stock"}
	eachCarrier(t, func(t *testing.T, _ string, c carrier) {
		steps, want := "", []note{}
		for _, class := range classes {
			steps += fmt.Sprintf("      - {fail: {class: %s, say: no %s}, when: body.n == %q}\n", class, class, class)
			want = append(want, note{"callee", class, class, class, "no " + class, false}, note{"caller", class, class, class, cmp.Or(c.texts[class], "no "+class), false})
		}
		askAll(t, c, "30s", steps, "other", classes, want)
	})
}

// An error behind a call that is done says so to who asked, whatever carries it; behind one that only read, or in words of
// the author, it does not.
func TestFault_M1_DoneInPart(t *testing.T) {
	eachCarrier(t, func(t *testing.T, _ string, c carrier) {
		steps := `      - {call: notes.put, with: {who: done, n: =body.n, class: "", reason: "", said: "", partial: false}, as: done, when: body.n != "read"}
      - {call: notes.look, as: seen}
      - {fail: rejected, when: body.n == "verdict"}
      - {validate: [{rule: false, say: so it is}], when: body.n == "invalid"}
      - {call: notes.refuse}
`
		var ns []string
		var want []note
		for n, what := range map[string]note{"refused": {Class: "rejected", Reason: "http_409", Partial: true}, "invalid": {Class: "invalid", Reason: "rule", Partial: true},
			"verdict": {Class: "rejected", Reason: "rejected"}, "read": {Class: "rejected", Reason: "http_409"}} {
			ns = append(ns, n)
			for _, who := range []string{"callee", "caller"} {
				what.Who, what.N = who, n
				want = append(want, what)
			}
			if n != "read" {
				want = append(want, note{Who: "done", N: n})
			}
		}
		c.untold = true
		askAll(t, c, "30s", steps, "other", ns, want)
	})
}

// Whoever notices first that a request has expired, its asker, its answerer or what carries it: it is a timeout for who asked.
func TestFault_R1_ExpiredIsATimeout(t *testing.T) {
	eachCarrier(t, func(t *testing.T, name string, c carrier) {
		steps := "      - {fail: unavailable, when: body.n == \"away\"}\n      - {call: notes.dawdle, when: body.n == \"slow\"}\n"
		ns, want := []string{"slow"}, []note{{"caller", "slow", "timeout", "timeout", "", false}}
		if name != "http" { // its caller is told at once, and tries again itself
			ns, want = append(ns, "away"), append(want, note{"caller", "away", "timeout", "timeout", "", false})
		}
		c.untold = true
		askAll(t, c, "4s", steps, "bug", ns, want)
	})
}
