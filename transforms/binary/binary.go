// Package binary is the format `binary`: bytes that the hub does not look into.
package binary

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Options are none.
type Options struct{}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "binary", Types: []string{"application/octet-stream", "*/*"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			return &hub.Format{Name: "binary", Type: "application/octet-stream", Decode: decode, Encode: encode}, nil
		})
}

// decode says what can be said of bytes; the base64 is the bytes themselves.
func decode(raw []byte) (doc.Value, error) {
	sum := sha256.Sum256(raw)
	return doc.ObjectOf([]doc.Field{
		{Name: "size", Value: doc.NumberValue(doc.Int(int64(len(raw))))},
		{Name: "sha256", Value: doc.StringValue(hex.EncodeToString(sum[:]))},
		{Name: "base64", Value: doc.StringValue(base64.StdEncoding.EncodeToString(raw))},
	}), nil
}

func encode(v doc.Value) ([]byte, error) {
	text := v
	if v.Kind() == doc.Object {
		text = v.Get("base64")
	}
	if text.Kind() != doc.String {
		return nil, hub.Fail(hub.Invalid, "no_binary", "bytes are written from base64, a string or {base64: …}, and this is %s", v.Kind())
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text.Str()))
	if err != nil {
		return nil, hub.Fail(hub.Invalid, "no_binary", "the base64 can't be read: %w", err)
	}
	return raw, nil
}
