package httpserver

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
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

// decoders undo compressions, as Content-Encoding names them.
var decoders = map[string]func(io.Reader) (io.Reader, error){
	"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
	"zstd": func(r io.Reader) (io.Reader, error) {
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	},
}

// decompress undoes one Content-Encoding; unknown ones, and one behind another, are refused.
func (s *Server) decompress(r *http.Request, raw []byte) ([]byte, *problem) {
	values := r.Header["Content-Encoding"]
	if len(values) == 0 {
		return raw, nil
	}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(values, ",")))
	if encoding == "" || encoding == "identity" {
		return raw, nil
	}
	decoder := decoders[encoding]
	if decoder == nil {
		p := newProblem(http.StatusUnsupportedMediaType, "unsupported_encoding", "the body may be sent plain, or with Content-Encoding: gzip, deflate or zstd, once")
		p.accept = "Accept-Encoding: gzip, deflate, zstd"
		return nil, p
	}
	b := s.scratch.buffer()
	defer s.scratch.buffers.Put(b)
	limit := s.cfg.Limits.MaxBody
	z, err := decoder(bytes.NewReader(raw))
	if err == nil {
		_, err = b.ReadFrom(io.LimitReader(z, limit+1))
		if c, ok := z.(io.Closer); ok {
			c.Close()
		}
	}
	if int64(b.Len()) > limit {
		return nil, newProblem(http.StatusRequestEntityTooLarge, "decompressed_too_large", fmt.Sprintf("the decompressed body is too large: limit %d bytes", limit))
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_"+encoding, "the body is not whole "+encoding+" data")
	}
	return bytes.Clone(b.Bytes()), nil
}
