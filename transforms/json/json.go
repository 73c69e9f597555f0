// Package json is the format `json`: what the hub reads and writes where
// nothing else is said. See package doc for what it takes.
package json

import (
	"orderhub/hub"
	"orderhub/hub/doc"
)

// Options are none: JSON is one thing (RFC 8259).
type Options struct{}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "json", Types: []string{"application/json", "text/json", "+json"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			return &hub.Format{Name: "json", Type: "application/json", Decode: doc.Parse,
				Encode: func(v doc.Value) ([]byte, error) { return v.JSON(), nil }}, nil
		})
}
