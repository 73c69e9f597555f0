package examples

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// partner is a partner's server. It answers as its test says, and keeps each request as a text with every byte of it.
type partner struct {
	t      testing.TB
	url    string
	mu     sync.Mutex
	canned map[string][]canned
	asked  []string
	keys   []string // Idempotency-Keys: #1 in a text is the first one
}

// canned is an answer, JSON unless header says otherwise. With status 0 the request is never answered: who asks has to end first.
type canned struct {
	status int
	header string // Name: value
	body   string
}

var never = canned{}

// newPartner begins one. The answers of "POST /charges" are given one after another, the last again and again.
func newPartner(t testing.TB, answers map[string][]canned) *partner {
	p := &partner{t: t, canned: answers}
	server := httptest.NewServer(p)
	p.url = server.URL
	t.Cleanup(server.Close)
	return p
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // the hub looks whether it is back
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // of a hub that was killed while it sent
	}
	a := p.take(r, string(body))
	if a.status == 0 {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(a.header, ": "); ok {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// take notes the request, and gives the answer whose turn it is.
func (p *partner) take(r *http.Request, body string) canned {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := []string{}
	for name, values := range r.Header {
		value := strings.Join(values, " | ")
		switch name {
		case "Content-Length", "Traceparent":
			continue // the first is checked by who reads the body, the second is another one at each run
		case "Idempotency-Key":
			if !slices.Contains(p.keys, value) {
				p.keys = append(p.keys, value)
			}
			value = fmt.Sprintf("#%d", slices.Index(p.keys, value)+1)
		}
		lines = append(lines, name+": "+value)
	}
	slices.Sort(lines)
	at := r.Method + " " + r.URL.RequestURI()
	p.asked = append(p.asked, at+"\n"+strings.Join(lines, "\n")+"\n\n"+body)
	queue := p.canned[at]
	if len(queue) == 0 {
		return canned{status: http.StatusTeapot}
	}
	if len(queue) > 1 {
		p.canned[at] = queue[1:]
	}
	return queue[0]
}

// requests are those that it got up to now.
func (p *partner) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// reached waits for its nth request.
func (p *partner) reached(h *hub, n int) {
	p.t.Helper()
	await(p.t, soon, fmt.Sprintf("request %d", n), func() bool { return len(p.requests()) >= n }, h.report)
}

// got compares all requests that it got with those that it should have got, byte by byte.
func (p *partner) got(want ...string) {
	p.t.Helper()
	asked := p.requests()
	for i := range max(len(asked), len(want)) {
		switch {
		case i >= len(want):
			p.t.Errorf("one request too many:\n%s", asked[i])
		case i >= len(asked):
			p.t.Errorf("request %d is missing:\n%s", i+1, want[i])
		case asked[i] != want[i]:
			p.t.Errorf("request %d:\n%s\n\nwant\n%s", i+1, asked[i], want[i])
		}
	}
}

// request is the text of one of the hub's, with the headers that all of them have.
func request(at, body string, headers ...string) string {
	headers = append(headers, "Accept: application/json, */*;q=0.5", "Accept-Encoding: gzip", "User-Agent: orderhub")
	slices.Sort(headers)
	return at + "\n" + strings.Join(headers, "\n") + "\n\n" + body
}

// jsonRequest is one with a JSON body, or none.
func jsonRequest(at, body string, headers ...string) string {
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	return request(at, body, headers...)
}

// idle waits until nothing waits in the hub any more.
func (h *hub) idle() {
	h.place.t.Helper()
	await(h.place.t, soon, "nothing waits", func() bool { return h.status().open() == 0 }, h.report)
}

// becomes waits until a GET of the hub's answers with a text.
func (h *hub) becomes(path, text string) {
	h.place.t.Helper()
	var got answer
	is := func() bool { got = h.do("GET", path, ""); return strings.Contains(got.body, text) }
	await(h.place.t, soon, path+" has "+text, is, func() string { return got.String() + "\n" + h.report() })
}

// signed is the HMAC-SHA256 of a text.
func signed(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, text)
	return mac.Sum(nil)
}
