package httpclient

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Idempotency is how the key that names a request is sent.
type Idempotency struct {
	Header string `yaml:"header" doc:"Name of its header, such as PayPal-Request-Id; none: it is in no header. Left out: Idempotency-Key."`
	Field  string `yaml:"field" doc:"Field of the body that has it as well, such as idempotency_key."`
	Form   string `yaml:"form" oneof:"plain|uuid|hash" default:"plain" doc:"plain: the hub's own key, with what is no ASCII as %XX. uuid: a UUID (version 5) made of it. hash: its SHA-256, in hex."`
	Length int    `yaml:"length" min:"16" max:"255" default:"255" doc:"Longest key that the service takes. A plain one that is longer is sent as its hash; a hash is cut."`
}

// noHeader is the name of the header that is none.
const noHeader = "none"

func (i *Idempotency) check() error {
	switch {
	case i.Header != "" && i.Header != noHeader && checkHeader(i.Header, "") != nil:
		return fmt.Errorf("idempotency: %w", checkHeader(i.Header, ""))
	case i.Form == "uuid" && i.Length > 0 && i.Length < 36:
		return fmt.Errorf("idempotency: a uuid has 36 characters, and length is %d", i.Length)
	}
	return nil
}

// space names the hub's keys among all that UUIDs of version 5 are made of.
var space = uuid.UUID{0x6f, 0x72, 0x64, 0x65, 0x72, 0x68, 0x45, 0x62, 0x8b, 0x65, 0x79, 0x2d, 0x73, 0x70, 0x61, 0x63}

// text is the key as the service takes it; the same for the same key.
func (i *Idempotency) text(key string) string {
	length := i.Length
	if length == 0 {
		length = 255
	}
	switch {
	case key == "":
		return ""
	case i.Form == "uuid":
		return uuid.NewSHA1(space, []byte(key)).String()
	case i.Form != "hash":
		var b strings.Builder
		for _, c := range []byte(key) {
			if c < 0x7f {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		if b.Len() <= length {
			return b.String()
		}
	}
	sum := sha256.Sum256([]byte(key))
	text := hex.EncodeToString(sum[:])
	return text[:min(len(text), length)]
}

// into is m with the key in its document, if it belongs there.
func (i *Idempotency) into(m *hub.Message) *hub.Message {
	key := m.Headers.Get(hub.HeaderIdempotency)
	if i.Field == "" || key == "" {
		return m
	}
	d, err := m.Body.Doc()
	if err != nil || d.Kind() != doc.Object {
		return m
	}
	c := *m
	c.Body = hub.DocumentBody(doc.Set(d, strings.Split(i.Field, "."), doc.StringValue(i.text(key)))).In(m.Body.Format())
	return &c
}
