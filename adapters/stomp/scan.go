package stomp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"orderhub/hub"
)

const (
	maxHeaders     = 64 << 10  // bytes of a message's headers; one with more is refused
	maxSkip        = 512 << 20 // bytes of a refused body that are read past: RabbitMQ takes none larger
	maxSkipHeaders = 16 << 20  // bytes of refused headers that are
	maxCommand     = 16
)

// scanner reads the frames that a server sends. A message that is too large comes without its headers or its body,
// marked as refused: then that one message is lost to its dead letter queue, rather than the connection again and
// again. Everything else that is wrong ends the connection (stomp_protocol).
type scanner struct {
	in      *bufio.Reader
	version version
	maxBody int64
}

func newScanner(in io.Reader, maxBody int64) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, maxHeaders), maxBody: maxBody}
}

// broken returns the error of what no server may send.
func broken(format string, args ...any) error {
	return hub.Fail(hub.Unavailable, reasonProtocol, format, args...)
}

// next returns the next frame. It returns io.EOF when the input ends between two frames.
func (s *scanner) next() (*frame, error) {
	command, err := s.command()
	if err != nil {
		return nil, err
	}
	f := &frame{command: command, headers: make([]header, 0, 20)}
	if err = s.headers(f); err == nil {
		err = s.body(f)
	}
	if errors.Is(err, io.EOF) {
		err = broken("the connection ended within a frame, before its NUL")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// command returns the first line of a frame. Empty lines before it are heart-beats.
func (s *scanner) command() (string, error) {
	for {
		line, n, err := s.line()
		if err != nil {
			if n > 0 && errors.Is(err, io.EOF) {
				err = broken("the connection ended within a frame, before its NUL")
			}
			return "", err
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		if len(line) > maxCommand || bytes.ContainsFunc(line, func(r rune) bool { return r < 'A' || r > 'Z' }) {
			return "", broken("%.40q is no command: this is no STOMP server, or it lost its way", line)
		}
		return string(line), nil
	}
}

// line reads n bytes, up to the next line feed. Of a line that is longer than maxHeaders it returns only the beginning.
// The line is valid until the next read.
func (s *scanner) line() (line []byte, n int, err error) {
	line, err = s.in.ReadSlice('\n')
	n = len(line)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimSuffix(line, []byte{'\n'}), n, err
	}
	begin := bytes.Clone(line[:2*maxCommand])
	for errors.Is(err, bufio.ErrBufferFull) {
		if n > maxSkipHeaders {
			return begin, n, broken("a line without end")
		}
		line, err = s.in.ReadSlice('\n')
		n += len(line)
	}
	return begin, n, err
}

func (s *scanner) headers(f *frame) error {
	for size := 0; ; {
		line, n, err := s.line()
		if err != nil {
			return err
		}
		if s.version != v11 { // the first frame tells the version: till then it is v10, and lines may end either way
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		if len(line) == 0 {
			return nil
		}
		if size += n; size > maxHeaders {
			if f.command != cmdMessage || size > maxSkipHeaders {
				return broken("the headers of %s are larger than anybody may send: %d bytes", f.command, size)
			}
			f.refused = reasonTooLarge
			if n > maxHeaders || !kept(line) {
				continue
			}
		}
		if err := s.header(f, line); err != nil {
			return err
		}
	}
}

// kept reports whether a header of a refused message is needed to refuse it.
func kept(line []byte) bool {
	for _, name := range []string{headerAck, headerMessageID, headerSubscription, headerLength, headerCorrelationID, headerID, headerAMQPID} {
		if len(line) < 1<<10 && len(line) > len(name) && string(line[:len(name)]) == name && line[len(name)] == ':' {
			return true
		}
	}
	return false
}

func (s *scanner) header(f *frame, line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return broken("%.40q is no header", line)
	}
	if s.version == v10 || bytes.IndexByte(line, '\\') < 0 {
		text := string(line)
		f.add(text[:colon], text[colon+1:])
		return nil
	}
	name, err := unescape(line[:colon], s.version)
	if err != nil {
		return err
	}
	value, err := unescape(line[colon+1:], s.version)
	if err != nil {
		return err
	}
	f.add(name, value)
	return nil
}

func (s *scanner) body(f *frame) error {
	length := f.get(headerLength)
	if length == "" {
		return s.openBody(f)
	}
	n, err := strconv.ParseUint(length, 10, 62)
	if err != nil {
		return broken("content-length is %.40q", length)
	}
	if err := s.refuse(f, int64(n)); err != nil {
		return err
	}
	if f.refused != "" {
		_, err = io.CopyN(io.Discard, s.in, int64(n))
	} else {
		f.body, err = s.take(int64(n))
	}
	if err != nil {
		return err
	}
	end, err := s.in.ReadByte()
	if err == nil && end != 0 {
		err = broken("a body of %d bytes is not ended by NUL: the content-length is wrong", n)
	}
	return err
}

// refuse marks a message whose body has n bytes or more, if that is too much.
func (s *scanner) refuse(f *frame, n int64) error {
	switch {
	case n <= s.maxBody:
	case f.command != cmdMessage || n > maxSkip:
		return broken("a body of %d bytes, more than anybody may send", n)
	case f.refused == "":
		f.refused, f.body = reasonBody, nil
	}
	return nil
}

// openBody reads a body that has no length and ends at the first NUL.
func (s *scanner) openBody(f *frame) error {
	for n := int64(0); ; {
		part, err := s.in.ReadSlice(0)
		ends := err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if ends {
			part = part[:len(part)-1]
		}
		n += int64(len(part))
		if err := s.refuse(f, n); err != nil {
			return err
		}
		if f.refused == "" {
			f.body = append(f.body, part...)
		}
		if ends {
			return nil
		}
	}
}

// take reads n bytes. It allocates as the bytes come, whatever was announced.
func (s *scanner) take(n int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, min(n+bytes.MinRead, maxHeaders)))
	_, err := io.CopyN(b, s.in, n)
	return b.Bytes(), err
}
