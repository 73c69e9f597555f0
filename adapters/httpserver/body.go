package httpserver

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// preallocate bounds the memory that a mere Content-Length can take.
const preallocate = 64 << 10

// pools keep what requests use again. The zero pools are empty.
type pools struct{ buffers, gunzips sync.Pool }

func (p *pools) buffer() *bytes.Buffer {
	if b, ok := p.buffers.Get().(*bytes.Buffer); ok {
		b.Reset()
		return b
	}
	return new(bytes.Buffer)
}

// readBody is the whole body as it was sent.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	limit := s.cfg.Limits.MaxBody
	switch n := r.ContentLength; {
	case n == 0:
		return nil, nil
	case n > limit:
		w.Header().Set("Connection", "close")
		return nil, tooLarge(limit)
	case n > 0 && n <= preallocate:
		raw := make([]byte, n)
		if _, err := io.ReadFull(r.Body, raw); err != nil {
			return nil, s.readFault(w, err)
		}
		return raw, nil
	}
	b := s.scratch.buffer()
	defer s.scratch.buffers.Put(b)
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		return nil, s.readFault(w, err)
	}
	return bytes.Clone(b.Bytes()), nil
}

// readFault tells too large, too slow and broken apart.
func (s *Server) readFault(w http.ResponseWriter, err error) *problem {
	w.Header().Set("Connection", "close")
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(e.Limit)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
		return newProblem(http.StatusRequestTimeout, "body_timeout", fmt.Sprintf("the body did not arrive within %s", s.cfg.Limits.ReadTimeout))
	}
	return newProblem(http.StatusBadRequest, "bad_framing", "the body is cut off or wrongly framed")
}

func tooLarge(limit int64) *problem {
	return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body is too large: limit %d bytes", limit))
}

// decompress undoes one Content-Encoding: gzip; others are refused.
func (s *Server) decompress(r *http.Request, raw []byte) ([]byte, *problem) {
	values := r.Header["Content-Encoding"]
	if len(values) == 0 {
		return raw, nil
	}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(values, ",")))
	switch encoding {
	case "", "identity":
		return raw, nil
	case "gzip":
	default:
		p := newProblem(http.StatusUnsupportedMediaType, "unsupported_encoding", "the body may be sent plain, or with Content-Encoding: gzip, once")
		p.accept = "Accept-Encoding: gzip"
		return nil, p
	}
	b := s.scratch.buffer()
	defer s.scratch.buffers.Put(b)
	z, ok := s.scratch.gunzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer s.scratch.gunzips.Put(z)
	limit := s.cfg.Limits.MaxBody
	err := z.Reset(bytes.NewReader(raw))
	if err == nil {
		_, err = b.ReadFrom(io.LimitReader(z, limit+1))
	}
	if int64(b.Len()) > limit {
		return nil, newProblem(http.StatusRequestEntityTooLarge, "decompressed_too_large", fmt.Sprintf("the decompressed body is too large: limit %d bytes", limit))
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_gzip", "the body is not whole gzip data")
	}
	return bytes.Clone(b.Bytes()), nil
}

const typeForm = "application/x-www-form-urlencoded"

// formBody is a form as a document of texts, its names sorted; of a name that comes twice the first counts.
func formBody(raw []byte) (hub.Body, *problem) {
	fields, err := url.ParseQuery(string(raw))
	if err != nil {
		return hub.Body{}, newProblem(http.StatusBadRequest, "bad_form", "the form is not well formed")
	}
	var out []doc.Field
	for name, v := range fields {
		if !utf8.ValidString(name) || !utf8.ValidString(v[0]) {
			return hub.Body{}, newProblem(http.StatusBadRequest, "bad_utf8", "the form is not UTF-8")
		}
		out = append(out, doc.Field{Name: name, Value: doc.StringValue(v[0])})
	}
	slices.SortFunc(out, func(a, b doc.Field) int { return strings.Compare(a.Name, b.Name) })
	return hub.DocumentBody(doc.ObjectOf(out)), nil
}
