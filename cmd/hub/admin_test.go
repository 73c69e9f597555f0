package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAdminAPI: every call answers JSON, every fault is a problem+json.
func TestAdminAPI(t *testing.T) {
	s := newSite(t, shop)
	s.start()
	c := (&cli{home: s.dir}).client()
	for _, test := range []struct {
		call, body string
		status     int
		part       string
	}{
		{"GET /version", "", 200, `"language": 1`},
		{"GET /graph?format=dot", "", 200, `"drawn": "digraph`},
		{"GET /dead", "", 200, `[]`},
		{"GET /dead?seq=x", "", 400, `"code": "bad_query"`},
		{"GET /trace", "", 404, `"detail": "nothing came in yet"`},
		{"POST /dead/replay", `{"all": true}`, 404, `"code": "not_found"`},
		{"POST /dead/replay", `{"al": true}`, 400, `unknown field`},
		{"POST /dead/drop", `{"all": true, "group": "g1"}`, 400, `give one of seqs, all, and what to choose by`},
		{"POST /pipelines/intake/messages", `{"id": `, 422, `"code": "`},
		{"POST /pipelines/nope/pause", ``, 404, `no pipeline`},
		{"GET /nope", "", 404, `"code": "no_route"`},
	} {
		method, path, _ := strings.Cut(test.call, " ")
		req, err := http.NewRequest(method, "http://hub"+path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		kind := "application/json"
		if test.status >= 400 {
			kind = "application/problem+json"
		}
		if res.StatusCode != test.status || res.Header.Get("Content-Type") != kind || !strings.Contains(string(raw), test.part) {
			t.Errorf("%s %s: %s %s, expected %d with %s\n%s", test.call, test.body, res.Status, res.Header.Get("Content-Type"), test.status, test.part, raw)
		}
	}
}
