package httpclient

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"orderhub/hub"
)

// shelf has the items 1 to 7, and gives them in pages of 3 as several services do.
func shelf(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		_, text, _ := strings.Cut(string(body), `"after":`)
		q.Set("after", strings.Trim(strings.TrimRight(text, "}"), `"`))
	}
	number := func(name string, none int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil {
			return n
		}
		return none
	}
	first := number("after", 0) + (number("page", 1)-1)*3 + number("offset", 0)
	var items []string
	for n := first + 1; n <= min(first+3, 7); n++ {
		items = append(items, fmt.Sprintf(`{"id":%d}`, n))
	}
	last, list, next := min(first+3, 7), "["+strings.Join(items, ",")+"]", "null"
	w.Header().Set("Content-Type", "application/json")
	if last < 7 {
		next = fmt.Sprintf(`"http://%s/items?after=%d"`, r.Host, last)
		w.Header().Add("Link", `</items?after=0>; rel="first"`)
		w.Header().Add("Link", fmt.Sprintf(`</items?after=%d>; rel="next"`, last))
	}
	if r.URL.Path == "/list" {
		io.WriteString(w, list)
		return
	}
	cursor := "null"
	if last < 7 {
		cursor = fmt.Sprintf(`"%d"`, last)
	}
	fmt.Fprintf(w, `{"data":%s,"paging":{"next":%s,"cursor":%s},"links":[{"rel":"self","href":"/"},{"rel":"next","href":%s}],"has_more":%v}`, list, next, cursor, next, last < 7)
}

func TestPaging(t *testing.T) {
	all := `{"items":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6},{"id":7}],"next":null}`
	for name, op := range map[string]Op{
		"link":            {HTTP: "GET /items", Paging: &Paging{By: "link", Items: "data"}},
		"the list itself": {HTTP: "GET /list", Paging: &Paging{By: "page", Param: "page"}},
		"url":             {HTTP: "GET /items", Paging: &Paging{By: "url", Items: "data", Next: "paging.next"}},
		"links":           {HTTP: "GET /items", Paging: &Paging{By: "url", Items: "data", Next: "links"}},
		"cursor":          {HTTP: "GET /items", Paging: &Paging{By: "cursor", Items: "data", Next: "paging.cursor", Param: "after"}},
		"last item":       {HTTP: "GET /items", Paging: &Paging{By: "cursor", Items: "data", Last: "id", More: "has_more", Param: "after"}},
		"page":            {HTTP: "GET /items", Paging: &Paging{By: "page", Items: "data", Param: "page", Size: 3}},
		"offset":          {HTTP: "GET /items", Paging: &Paging{By: "offset", Items: "data", Param: "offset"}},
		"a body":          {HTTP: "POST /items", Paging: &Paging{By: "cursor", Items: "data", Next: "paging.cursor", Param: "after"}},
	} {
		op.Paging.Pages = 10
		reply, err := ask(t, shelf, "list", message(`{}`), func(cfg *Config) { cfg.Ops = map[string]Op{"list": op} })
		if err != nil || string(reply.Body.Bytes()) != all || reply.Headers.Get("status") != "200" {
			t.Errorf("%s: %+v %v", name, reply, err)
		}
	}
}

// One page a call: the answer names the next one, and a call that has it goes on there, also after a restart.
func TestPagingGoesOn(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(shelf))
	defer srv.Close()
	for name, op := range map[string]Op{
		"link":   {HTTP: "GET /items", Paging: &Paging{By: "link", Items: "data"}},
		"cursor": {HTTP: "GET /items", Paging: &Paging{By: "cursor", Items: "data", Last: "id", More: "has_more", Param: "after"}},
		"page":   {HTTP: "GET /items", Paging: &Paging{By: "page", Items: "data", Param: "page", Size: 3}},
	} {
		body, got := `{}`, ""
		for range 3 {
			c := newClient(t, srv.URL, func(cfg *Config) { cfg.Ops = map[string]Op{"list": op} }) // a hub that knows of nothing
			reply, err := call(t, c, "list", message(body))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			v, _ := reply.Body.Doc()
			got += string(v.Get("items").JSON())
			body = `{"next":` + string(v.Get("next").JSON()) + `}`
		}
		if got != `[{"id":1},{"id":2},{"id":3}][{"id":4},{"id":5},{"id":6}][{"id":7}]` || body != `{"next":null}` {
			t.Errorf("%s: %s, then %s", name, got, body)
		}
	}
}

func TestPagesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		paging       Paging
		answer, body string
		reason       string
	}{
		"another service":     {Paging{By: "url", Items: "d", Next: "next"}, `{"d":[1],"next":"https://evil.example/x"}`, `{}`, hub.BadResponse},
		"another scheme":      {Paging{By: "url", Items: "d", Next: "next"}, `{"d":[1],"next":"file:///etc/passwd"}`, `{}`, hub.BadResponse},
		"a caller's own":      {Paging{By: "url", Items: "d", Next: "next"}, `{"d":[]}`, `{"next":"https://evil.example/x"}`, "bad_page"},
		"itself":              {Paging{By: "cursor", Items: "d", Next: "c", Param: "c"}, `{"d":[1],"c":"a"}`, `{}`, hub.BadResponse},
		"no list":             {Paging{By: "link", Items: "d"}, `{"d":{"a":1}}`, `{}`, hub.BadResponse},
		"no list there":       {Paging{By: "link", Items: "items"}, `{"d":[]}`, `{}`, hub.BadResponse},
		"no cursor":           {Paging{By: "cursor", Items: "d", Last: "id", Param: "c"}, `{"d":[{"n":1}]}`, `{}`, hub.BadResponse},
		"no JSON":             {Paging{By: "link"}, `<a/>`, `{}`, hub.BadResponse},
		"a page of no scalar": {Paging{By: "page", Param: "page"}, `[]`, `{"next":{"a":1}}`, "bad_page"},
	} {
		c.paging.Pages = 10
		_, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, c.answer)
		}, "list", message(c.body), func(cfg *Config) { cfg.Ops = map[string]Op{"list": {HTTP: "GET /x", Paging: &c.paging}} })
		if err == nil || err.Reason != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}
