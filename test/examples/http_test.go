package examples

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answer is what a hub answered over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// try makes a request; headers are pairs of name and value.
func try(method, url, body string, headers ...string) (a answer, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(raw)}, err
}

// do makes a request of a hub that must be answered.
func (h *hub) do(method, path, body string, headers ...string) answer {
	h.place.t.Helper()
	a, err := try(method, h.ready.URLs["web"]+path, body, headers...)
	if err != nil {
		h.place.t.Fatalf("%s %s: %v\n%s", method, path, err, h.tail())
	}
	return a
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}
