package httpserver

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A body belongs to its message: what the server uses again must not be in it.
func TestBodiesAreNotShared(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	read := func(fill byte, size int, zipped bool) []byte {
		text := bytes.Repeat([]byte{fill}, size)
		r := httptest.NewRequest("POST", "/", nil)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), -1
		if zipped {
			r.Header = http.Header{"Content-Encoding": {"gzip"}}
			var b bytes.Buffer
			zipInto(&b, text)
			r.Body = io.NopCloser(&b)
		}
		raw, p := s.readBody(httptest.NewRecorder(), r)
		if p == nil {
			raw, p = s.decompress(r, raw)
		}
		if p != nil {
			t.Fatal(p.code)
		}
		return raw
	}
	for _, zipped := range []bool{false, true} {
		for range 50 { // a pool may hand out a fresh buffer now and then
			first := read('a', 1000, zipped)
			read('b', 1000, zipped)
			if !bytes.Equal(first, bytes.Repeat([]byte{'a'}, 1000)) {
				t.Fatalf("zipped %t: the second body is in the first", zipped)
			}
		}
	}
}
