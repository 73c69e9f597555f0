package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestFault_F4_BrokenRecords: files of every format with records. A broken record is refused with its code, line and column; its neighbours become documents as
// the schema has them, whatever the file was, also when they are read again from the store, after the partner's first answer.
func TestFault_F4_BrokenRecords(t *testing.T) {
	const unknown = "a byte that has no meaning in the character set windows-1253"
	for name, c := range map[string]struct {
		content, a, b string
		wants         []string
	}{
		"ndjson": {"{\"id\":\"A\",\"total\":5}\n{\"id\":\"B\",\"total\":}\n\n{\"id\":\"C\",\"total\":7}", `{"id":"A","total":5}`, `{"id":"C","total":7}`,
			[]string{"bad_json", "line 2 column 19"}},
		"csv": {"id,total\nA,5\nB\nC,7\n", `{"id":"A","total":5}`, `{"id":"C","total":7}`, []string{"bad_csv", "line 3 column 2: 1 column, expected 2: id, total"}},
		"prices": {"id;Preis \x80\r\nA;1.005,50\r\nB;5.00\r\nC;7\r\n", `{"id":"A","total":1005.50}`, `{"id":"C","total":7}`,
			[]string{"bad_csv", "line 3 column 3: Preis €: \"5.00\" is no number such as 1.234,50"}},
		"orders": {"<orders>\n<order><id>A</id><total>5</total></order>\n<order><id>&B;</id><total>6</total></order>\n<order><id>C</id><total>7</total></order></orders>",
			`{"id":"A","total":5}`, `{"id":"C","total":7}`, []string{"bad_xml", "line 3 column 12"}},
		"stock":      {"A   00005\nB   000x5\nC   00007\n", `{"id":"A","total":5}`, `{"id":"C","total":7}`, []string{"bad_fixed", "line 2 column 5: total: \"000x5\" is no number"}},
		"greek-rows": {"id,total\nA\xe1,5\nB\xe1\xaa,6\nC\xe1,7\n", `{"id":"Aα","total":5}`, `{"id":"Cα","total":7}`, []string{"bad_charset", "line 3 column 3: " + unknown}},
		"greek-lines": {"{\"id\":\"A\xe1\",\"total\":5}\n{\"id\":\"\xe1\xaa\",\"total\":6}\n{\"id\":\"C\xe1\",\"total\":7}\n", `{"id":"Aα","total":5}`, `{"id":"Cα","total":7}`,
			[]string{"bad_charset", "line 2 column 9: " + unknown}},
		"greek-tags": {"<orders>\n<order><id>A\xe1</id><total>5</total></order>\n<order><id>\xe1\xaa</id><total>6</total></order>\n<order><id>C\xe1</id><total>7</total></order></orders>",
			`{"id":"Aα","total":5}`, `{"id":"Cα","total":7}`, []string{"bad_charset", "line 3 column 13: " + unknown}},
		"greek-columns": {"A\xe1  00005\nB\xe1\xaa 00006\nC\xe1  00007\n", `{"id":"Aα","total":5}`, `{"id":"Cα","total":7}`, []string{"bad_charset", "line 2 column 3: " + unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			out, judge := t.TempDir(), awayAtFirst(t)
			s, inbox := refusingSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
schemas: {order: order.json}
retries: {soon: {times: 5, wait: 10ms..20ms}}
formats:
  prices: {type: csv, charset: windows-1252, decimal: ",", group: ".", columns: {"Preis €": {as: total, type: number}}}
  orders: {type: xml, record: orders/order, root: order}
  greek-rows: {type: csv, content_type: text/csv; charset=windows-1253}
  greek-lines: {type: ndjson, charset: windows-1253}
  greek-tags: {type: xml, record: orders/order, root: order, charset: windows-1253}
  greek-columns: {type: fixed, charset: windows-1253, columns: [{name: id, width: 4}, {name: total, width: 5, type: number}]}
  stock: {type: fixed, columns: [{name: id, width: 4}, {name: total, width: 5, type: number}]}
adapters: {rows: {type: files, dir: INBOX}, out: {type: files, dir: "`+out+`"}, judge: {type: http-client, url: "`+judge+`", ops: {look: "POST /look"}}}
pipelines:
  p:
    from: {rows: "*.txt", format: `+name+`, schema: order}
    steps: [{call: judge.look, with: =body, retry: soon, as: looked}, {send: {out: "{order}.json"}, headers: {order: =body.id}}]
`)
			drop(t, inbox, "a.txt", c.content)
			has(t, s.hub(1, "run", s.config, "--once"), "1 refused: hub refused list")
			for _, want := range []string{c.a, c.b} {
				if got, err := os.ReadFile(filepath.Join(out, want[7:strings.Index(want, `",`)]+".json")); err != nil || strings.TrimSpace(string(got)) != want {
					t.Errorf("%s, %v; want %s", got, err, want)
				}
			}
			t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
			has(t, s.hub(0, "trace", s.listed(c.wants[0])), append(c.wants, "a.txt line ")...)
		})
	}
}

// awayAtFirst is the address of a partner that answers the first request for each body with 503.
func awayAtFirst(t *testing.T) string {
	t.Helper()
	var seen sync.Map
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, again := seen.LoadOrStore(string(body), true); !again {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestFilesAsTheyAre: without a format a file is one message of the content type that its name says, and passes byte for byte.
func TestFilesAsTheyAre(t *testing.T) {
	for name, content := range map[string]string{"a.pdf": "%PDF-1.7\n\xff\x00\xfe", "a.csv": "a;b\r\n1;\"x\"\r\n", "a.xml": "<?xml version='1.0'?>\n<a/>", "a.json": "{ \"a\" : 1 }\n", "a.dat": "\x00\x01"} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			s, inbox := refusingSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
adapters: {rows: {type: files, dir: INBOX}, out: {type: files, dir: "`+out+`"}}
channels: {kept: {type: direct}}
pipelines:
  p: {from: rows, steps: [{send: kept}]}
  q: {from: kept, steps: [{send: {out: "copy"}}]}
`)
			drop(t, inbox, name, content)
			s.hub(0, "run", s.config, "--once")
			if got, err := os.ReadFile(filepath.Join(out, "copy")); err != nil || string(got) != content {
				t.Errorf("%q, %v; want %q", got, err, content)
			}
		})
	}
}
