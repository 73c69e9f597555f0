package stomp

import (
	"strconv"
	"strings"

	"orderhub/hub"
)

// frame is one frame of the protocol.
type frame struct {
	command string
	headers []header // in the order of the wire; of a name that is there twice the first counts
	body    []byte
	refused string // why a MESSAGE comes without its headers or its body: reasonTooLarge, reasonBody
}

type header struct{ name, value string }

// version is the version of the protocol that a connection uses. It decides what is escaped.
type version uint8

const (
	v10 version = iota // nothing is escaped
	v11                // line feed, colon and backslash are
	v12                // and carriage return; lines may end with one
)

var versions = map[string]version{"": v10, "1.0": v10, "1.1": v11, "1.2": v12}

func (v version) String() string { return [...]string{"1.0", "1.1", "1.2"}[v] }

const (
	cmdConnect     = "CONNECT"
	cmdConnected   = "CONNECTED"
	cmdSend        = "SEND"
	cmdSubscribe   = "SUBSCRIBE"
	cmdUnsubscribe = "UNSUBSCRIBE"
	cmdAck         = "ACK"
	cmdNack        = "NACK"
	cmdDisconnect  = "DISCONNECT"
	cmdMessage     = "MESSAGE"
	cmdReceipt     = "RECEIPT"
	cmdError       = "ERROR"
)

// newFrame returns a frame with the headers, which are names and values in turn.
func newFrame(command string, headers ...string) *frame {
	f := &frame{command: command, headers: make([]header, 0, len(headers)/2+12)}
	for i := 0; i < len(headers); i += 2 {
		f.add(headers[i], headers[i+1])
	}
	return f
}

func (f *frame) add(name, value string) { f.headers = append(f.headers, header{name, value}) }

// get returns the value of a header, or "" if there is none.
func (f *frame) get(name string) string {
	for i := range f.headers {
		if f.headers[i].name == name {
			return f.headers[i].value
		}
	}
	return ""
}

// encode appends the frame as it is sent.
func (f *frame) encode(b []byte, v version) []byte {
	b = append(append(b, f.command...), '\n')
	for _, h := range f.headers {
		b = append(f.escape(b, h.name, v), ':')
		b = append(f.escape(b, h.value, v), '\n')
	}
	if f.command == cmdSend || len(f.body) > 0 {
		b = append(b, headerLength+":"...)
		b = append(strconv.AppendInt(b, int64(len(f.body)), 10), '\n')
	}
	b = append(b, '\n')
	b = append(b, f.body...)
	return append(b, 0)
}

// escape appends the name or the value of a header. In CONNECT only the backslash is escaped: the specification exempts
// the others, and RabbitMQ reads it so.
func (f *frame) escape(b []byte, s string, v version) []byte {
	if v == v10 || !strings.ContainsAny(s, "\\\n\r:") {
		return append(b, s...)
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '\\':
			b = append(b, '\\', '\\')
		case f.command == cmdConnect:
			b = append(b, c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == ':':
			b = append(b, '\\', 'c')
		case c == '\r' && v == v12:
			b = append(b, '\\', 'r')
		default:
			b = append(b, c)
		}
	}
	return b
}

// unescape is the reverse of escape. By the specification, an undefined escape is fatal.
func unescape(s []byte, v version) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		switch {
		case i == len(s):
			return "", broken("a header ends within an escape")
		case s[i] == 'n':
			out = append(out, '\n')
		case s[i] == 'c':
			out = append(out, ':')
		case s[i] == '\\':
			out = append(out, '\\')
		case s[i] == 'r' && v == v12:
			out = append(out, '\r')
		default:
			return "", broken("a header has the escape %q, which STOMP %s does not know", s[i-1:i+1], v)
		}
	}
	return string(out), nil
}

// carries returns why the frame's headers can't be written in version v, or nil.
func (f *frame) carries(v version) error {
	bad := "\x00"
	switch v {
	case v10:
		bad = "\x00\n\r"
	case v11:
		bad = "\x00\r"
	}
	for _, h := range f.headers {
		if strings.ContainsAny(h.name, bad) || strings.ContainsAny(h.value, bad) || v == v10 && strings.Contains(h.name, ":") {
			return hub.Fail(hub.Invalid, reasonHeader, "header %.40q holds a character that STOMP %s can't carry", h.name, v)
		}
	}
	return nil
}
