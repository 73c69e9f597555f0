package partners

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// talk is one request that a partner documents, and its answer to it, as HTTP writes them. URL stands for the partner's address; the answer "cut" is none: the
// connection ends.
type talk struct {
	asked  string // method and URI, headers in the order of their names, an empty line, the body; * is any text
	answer string // status, headers, an empty line, the body
}

// partner is a stub that takes the requests of its talks, one after the other, and none besides.
type partner struct {
	*httptest.Server
	mu    sync.Mutex
	left  []talk
	asked []heard
	wrong []string
}

// heard is a request as it came, and when.
type heard struct {
	text string
	at   time.Time
}

func newPartner(t *testing.T, start func(*httptest.Server)) *partner {
	p := &partner{}
	p.Server = httptest.NewUnstartedServer(p)
	start(p.Server)
	t.Cleanup(p.Close)
	return p
}

// expects has it take these talks from now on, and forget those before.
func (p *partner) expects(talks ...[]talk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.asked, p.wrong = slices.Concat(talks...), nil, nil
}

// heard is what it was asked, and what was wrong with that.
func (p *partner) heard() (asked []heard, wrong []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, wrong = slices.Clone(p.asked), slices.Clone(p.wrong)
	if len(p.left) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d requests did not come, the first of them\n%s", len(p.left), p.left[0].asked))
	}
	return asked, wrong
}

// isWrong tells that it was asked what it does not know.
func (p *partner) isWrong() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.wrong) > 0
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		return // the probe of an adapter that fails
	}
	got := p.written(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, heard{got, time.Now()})
	if len(p.left) == 0 || !like(got, p.left[0].asked) {
		want := "none"
		if len(p.left) > 0 {
			want = p.left[0].asked
		}
		p.wrong = append(p.wrong, fmt.Sprintf("request %d is\n%q\nand expected was\n%q", len(p.asked), got, want))
		w.WriteHeader(http.StatusTeapot)
		return
	}
	answer := strings.ReplaceAll(p.left[0].answer, "URL", p.URL)
	p.left = p.left[1:]
	if answer == "cut" {
		panic(http.ErrAbortHandler)
	}
	status, header, body := parsed(answer)
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// unsaid are headers of the connection and of HTTP itself, which no partner's documents speak of, and those that are the same in all requests.
var unsaid = map[string]string{"Accept-Encoding": "gzip", "User-Agent": "*", "Content-Length": "*", "Traceparent": "*",
	"X-Correlation-Id": "*", "Idempotency-Key": "*/*/call.*", "Accept": `application/json, \*/\*;q=0.5`}

// written is a request in the form of talk.asked.
func (p *partner) written(r *http.Request) string {
	out := r.Method + " " + r.RequestURI
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if usual, ok := unsaid[name]; !ok || !like(value, usual) {
				out += "\n" + name + ": " + value
			}
		}
	}
	body, _ := io.ReadAll(r.Body)
	return strings.ReplaceAll(out+"\n\n"+string(body), p.URL, "URL")
}

// parsed reads an answer.
func parsed(answer string) (status int, header http.Header, body string) {
	head, body, _ := strings.Cut(answer, "\n\n")
	first, lines, _ := strings.Cut(head, "\n")
	fmt.Sscan(first, &status)
	header = http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(textproto.CanonicalMIMEHeaderKey(name), value)
		}
	}
	return status, header, body
}

// like compares a text with a pattern in which * is any text and ? any byte; \* is a star.
func like(text, pattern string) bool {
	starred, rest := -1, "" // the pattern behind the last star, and the text that it was tried on
	behind := 0
	p := 0
	for {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			starred, behind, rest = p, 0, text
			continue
		case p == len(pattern) && text == "":
			return true
		case p < len(pattern) && text != "":
			at := p
			escaped := strings.HasPrefix(pattern[p:], `\*`)
			if escaped {
				at++
			}
			if pattern[at] == text[0] || pattern[at] == '?' {
				p, text = at+1, text[1:]
				continue
			}
		}
		if behind++; starred < 0 || behind > len(rest) {
			return false
		}
		p, text = starred, rest[behind:]
	}
}

var (
	addresses = regexp.MustCompile(`\$\{([A-Z0-9_]+):-https?://[^/}]+([^}]*)\}`)
	secrets   = regexp.MustCompile(`secret:([a-z0-9-]+)`)
)

// environment sets what a block leaves to it: the partner's addresses, and secrets that are not among known.
func (b block) environment(address string, known map[string]string) (env []string) {
	for _, m := range addresses.FindAllStringSubmatch(b.yaml, -1) {
		env = append(env, m[1]+"="+address+m[2])
	}
	for _, m := range secrets.FindAllStringSubmatch(b.yaml, -1) {
		value, ok := known[m[1]]
		if !ok {
			value = "secret-of-" + m[1]
		}
		env = append(env, "HUB_SECRET_"+strings.ToUpper(strings.ReplaceAll(m[1], "-", "_"))+"="+value)
	}
	return env
}
