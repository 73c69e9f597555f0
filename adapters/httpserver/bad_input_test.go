package httpserver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"orderhub/hub"
)

// serveRoute starts a server with one running route and gives its address.
func serveRoute(t *testing.T, arg string, sc *SourceConfig, h hub.Handler, change func(*Config)) string {
	t.Helper()
	cfg := defaultConfig()
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(cfg)
	}
	s, err := definition().New(cfg, &hub.Env{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.OpenSource(arg, sc)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, s, src, h)
}

// run serves the one route of s and gives its address.
func run(t *testing.T, s *Server, src hub.Source, h hub.Handler) string {
	t.Helper()
	url, err := s.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, h) }()
	for s.routes.waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		short, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		s.Close(short)
	})
	return strings.TrimPrefix(url, "http://")
}

// taken counts the messages that got through.
type taken struct {
	keeper
	messages chan *hub.Message
}

func newTaken() *taken { return &taken{messages: make(chan *hub.Message, 100)} }

// reason is why the last request was refused, as ops are told.
func (k *taken) reason() string {
	list := k.take()
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].Reason
}

func (k *taken) Handle(_ context.Context, m *hub.Message) error { k.messages <- m; return nil }

// exchange writes raw bytes and reads one answer.
func exchange(t *testing.T, addr, raw string) (status int, code string, h http.Header) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(c, raw)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var p problemJSON
	json.Unmarshal(body, &p)
	if p.Code != "" && (p.Status != resp.StatusCode || resp.Header.Get("Content-Type") != typeProblem) {
		t.Errorf("the problem says %d, the answer %d %s", p.Status, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, p.Code, resp.Header
}

func post(headers, body string) string {
	if !strings.Contains(headers, "Content-Type") {
		headers += "Content-Type: application/json\r\n"
	}
	return "POST /orders HTTP/1.1\r\nHost: x\r\n" + headers + "Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

func problemIn(body []byte) (p problemJSON) {
	json.Unmarshal(body, &p) // what is none has no code
	return p
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func zip(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	zipInto(&b, bytes.Repeat([]byte("0"), size))
	return b.String()
}

func zstdOf(t *testing.T, size int) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return string(z.EncodeAll(bytes.Repeat([]byte("0"), size), nil))
}

func zipInto(w io.Writer, text []byte) {
	z := gzip.NewWriter(w)
	z.Write(text)
	z.Close()
}

// The rows are those of RELIABILITY.md, section 3.
func TestBadInput(t *testing.T) {
	k := newTaken()
	limit := func(c *Config) { c.Limits.MaxBody = 1 << 20 }
	patient := serveRoute(t, "POST /orders", &SourceConfig{}, k, limit)
	hasty := serveRoute(t, "POST /orders", &SourceConfig{}, k, func(c *Config) {
		limit(c)
		c.Limits.ReadHeaderTimeout = 150 * time.Millisecond
		c.Limits.ReadTimeout = 300 * time.Millisecond
	})
	const head = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	big := strings.Repeat("x", 1<<20+1)
	for _, c := range []struct {
		row, name, raw string
		status         int
		code           string
	}{
		{"1", "large body", post("", big), 413, "body_too_large"},
		{"1", "large chunked body", head + "Transfer-Encoding: chunked\r\n\r\n100001\r\n" + big + "\r\n0\r\n\r\n", 413, "body_too_large"},
		{"2", "large headers", "POST /orders HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", 431, ""},
		{"4", "short body", head + "Content-Length: 10\r\n\r\n{}", 408, "body_timeout"},
		{"4", "slow chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", 408, "body_timeout"},
		{"5", "bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, "bad_framing"},
		{"6", "two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, ""},
		{"6", "negative length", head + "Content-Length: -1\r\n\r\n{}", 400, ""},
		{"6", "space before colon", head + "Content-Length : 2\r\n\r\n{}", 400, ""},
		{"6", "no host", "POST /orders HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
		{"7", "length and chunks", head + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 202, ""},
		{"8", "unknown coding", head + "Transfer-Encoding: rot13\r\n\r\n{}", 501, ""},
		{"8", "unknown version", "POST /orders HTTP/3.9\r\nHost: x\r\n\r\n", 505, ""},
		{"8", "TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
		{"9", "unknown route", "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_route"},
		{"9", "wrong method", "GET /orders HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
		{"9", "trace", "TRACE /orders HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
		{"9", "options", "OPTIONS /orders HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
		{"10", "wrong type", post("Content-Type: text/plain\r\n", `{}`), 415, "unsupported_media_type"},
		{"10", "no type", "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"},
		{"10", "other charset", post("Content-Type: application/json; charset=klingon\r\n", `{}`), 415, "unsupported_charset"},
		{"11", "gzip bomb", post("Content-Encoding: gzip\r\n", zip(t, 8<<20)), 413, "decompressed_too_large"},
		{"11", "unknown encoding", post("Content-Encoding: br\r\n", `{}`), 415, "unsupported_encoding"},
		{"11", "nested gzip", post("Content-Encoding: gzip, gzip\r\n", `{}`), 415, "unsupported_encoding"},
		{"11", "two encoding lines", post("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", `{}`), 415, "unsupported_encoding"},
		{"11", "no gzip", post("Content-Encoding: gzip\r\n", `{}`), 400, "bad_gzip"},
		{"11", "no deflate", post("Content-Encoding: deflate\r\n", `{}`), 400, "bad_deflate"},
		{"11", "no zstd", post("Content-Encoding: zstd\r\n", `{}`), 400, "bad_zstd"},
		{"11", "zstd bomb", post("Content-Encoding: zstd\r\n", zstdOf(t, 8<<20)), 413, "decompressed_too_large"},
		{"12", "empty body", post("", ""), 400, "empty_body"},
		{"13", "syntax", post("", `{"a":}`), 400, "bad_json"},
		{"13", "two documents", post("", `{}{}`), 400, "bad_json"},
		{"13", "NaN", post("", `{"a":NaN}`), 400, "bad_json"},
		{"13", "BOM", post("", "\ufeff{}"), 400, "bad_json"},
		{"14", "depth", post("", strings.Repeat("[", 65)+strings.Repeat("]", 65)), 400, "json_too_deep"},
		{"15", "nodes", post("", "["+strings.Repeat("[],", 200_000)+"[]]"), 413, "json_too_complex"},
		{"16", "duplicate key", post("", `{"amount":1,"amount":2}`), 400, "duplicate_key"},
		{"18", "UTF-8", post("", "{\"a\":\"\xff\"}"), 400, "bad_utf8"},
		{"18", "lone surrogate", post("", `{"a":"\ud800"}`), 400, "bad_json"},
		{"25", "long key", post("Idempotency-Key: "+strings.Repeat("k", 256)+"\r\n", `{}`), 400, "bad_idempotency_key"},
		{"28", "multipart", post("Content-Type: multipart/form-data\r\n", `{}`), 415, "unsupported_media_type"},
		{"29", "encoded dots", "GET /a/%2e%2e/orders HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_route"},
		{"29", "double slash", "POST //orders HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_route"},
		{"29", "parameter", "POST /orders;x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_route"},
		{"29", "encoded slash", "POST /%2forders HTTP/1.1\r\nHost: x\r\n\r\n", 404, "no_route"},
	} {
		t.Run(c.row+" "+c.name, func(t *testing.T) {
			addr := patient
			if c.code == "body_timeout" {
				addr = hasty
			}
			status, code, h := exchange(t, addr, c.raw)
			if status != c.status || code != c.code {
				t.Fatalf("got %d %q, want %d %q", status, code, c.status, c.code)
			}
			if status == 405 && h.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", h.Get("Allow"))
			}
			if c.status == 202 {
				<-k.messages
			}
			if n := len(k.messages); n != 0 {
				t.Errorf("%d messages got through", n)
			}
		})
	}
	t.Run("3 slow headers", func(t *testing.T) {
		if status, code, _ := exchange(t, hasty, "POST /orders HTTP/1.1\r\nHost: x\r\n"); status != 0 && status != 408 {
			t.Fatalf("got %d %q, want a closed connection", status, code)
		}
	})
	t.Run("17 numbers keep their digits", func(t *testing.T) {
		exchange(t, patient, post("", `{"n":12345678901234567890}`))
		m := <-k.messages
		v, _ := m.Body.Doc()
		if got := v.Get("n").Text(); got != "12345678901234567890" {
			t.Fatal(got)
		}
	})
}
