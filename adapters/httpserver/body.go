package httpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"orderhub/hub/coding"
	"orderhub/hub/doc"
)

// preallocate bounds the memory that a mere Content-Length can take.
const preallocate = 64 << 10

// pools keep what requests use again. The zero pools are empty.
type pools struct{ buffers sync.Pool }

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

// decompress undoes one Content-Encoding; unknown ones, and one behind another, are refused.
func (s *Server) decompress(r *http.Request, raw []byte) ([]byte, *problem) {
	name, limit := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ","))), s.cfg.Limits.MaxBody
	switch {
	case name == "" || name == "identity":
		return raw, nil
	case !slices.Contains(coding.Names(), name):
		p := newProblem(http.StatusUnsupportedMediaType, "unsupported_encoding", "the body may be sent plain, or with Content-Encoding: gzip, deflate or zstd, once")
		p.accept = "Accept-Encoding: gzip, deflate, zstd"
		return nil, p
	}
	plain, err := coding.Expand(name, raw, limit)
	switch e, ok := errors.AsType[*doc.SyntaxError](err); {
	case ok && e.Code == coding.CodeTooLarge:
		return nil, newProblem(http.StatusRequestEntityTooLarge, e.Code, fmt.Sprintf("the decompressed body is too large: limit %d bytes", limit))
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "bad_"+name, "the body is not whole "+name+" data")
	}
	return plain, nil
}
