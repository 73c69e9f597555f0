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
	escape := escapes[v]
	if f.command == cmdConnect {
		escape = escapeConnect
	}
	for _, h := range f.headers {
		b = append(append(b, escape.Replace(h.name)...), ':')
		b = append(append(b, escape.Replace(h.value)...), '\n')
	}
	if f.command == cmdSend || len(f.body) > 0 {
		b = append(b, headerLength+":"...)
		b = append(strconv.AppendInt(b, int64(len(f.body)), 10), '\n')
	}
	b = append(b, '\n')
	b = append(b, f.body...)
	return append(b, 0)
}

// escapes write the characters that a header can't hold as they are, by version. In CONNECT only the backslash is escaped: the specification
// exempts the others, and RabbitMQ reads it so.
var (
	escapes = [...]*strings.Replacer{v10: strings.NewReplacer(), v11: strings.NewReplacer(`\`, `\\`, "\n", `\n`, ":", `\c`),
		v12: strings.NewReplacer(`\`, `\\`, "\n", `\n`, ":", `\c`, "\r", `\r`)}
	escapeConnect = strings.NewReplacer(`\`, `\\`)
	unescapes     = map[byte]byte{'n': '\n', 'c': ':', '\\': '\\', 'r': '\r'}
)

// unescape is the reverse of escapes. By the specification, an undefined escape is fatal.
func unescape(s []byte, v version) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			if i++; i == len(s) {
				return "", broken("a header ends within an escape")
			}
			if c = unescapes[s[i]]; c == 0 || c == '\r' && v != v12 {
				return "", broken("a header has the escape %q, which STOMP %s does not know", s[i-1:i+1], v)
			}
		}
		out = append(out, c)
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
