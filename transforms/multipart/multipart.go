// Package multipart is the format `multipart`: a body of several parts, as
// forms with files (multipart/form-data, RFC 7578) and mails have them.
package multipart

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Options say what is written.
type Options struct {
	Subtype string `yaml:"subtype" default:"form-data" oneof:"form-data|mixed|related|alternative" doc:"What kind of multipart is written; all are read."`
}

// The bounds of a body: far above what forms and mails have.
const (
	maxParts = 100
	maxPart  = 64 << 20
)

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "multipart", Types: []string{"multipart/*"}},
		func() *Options { return &Options{Subtype: "form-data"} }, nil,
		func(o *Options, others func(string) *hub.Format) (*hub.Format, error) {
			c := codec{o.Subtype, others}
			return &hub.Format{Name: "multipart", Type: "multipart/" + o.Subtype, Decode: c.decode, Encode: c.encode, Params: params}, nil
		})
}

// codec reads and writes parts in the formats of their own types.
type codec struct {
	subtype string
	others  func(contentType string) *hub.Format
}

func (c codec) decode(raw []byte) (doc.Value, error) {
	boundary, start := boundaryOf(raw)
	if boundary == "" {
		return doc.Value{}, doc.Refuse(raw, start, "bad_multipart", "no part begins: expected a line with -- and the boundary")
	}
	var parts []doc.Value
	for r := multipart.NewReader(bytes.NewReader(raw), boundary); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return doc.ObjectOf([]doc.Field{{Name: "parts", Value: doc.ListOf(parts)}}), nil
		}
		if err != nil {
			return doc.Value{}, broken(raw, boundary, len(parts), err)
		}
		if len(parts) == maxParts {
			return doc.Value{}, broken(raw, boundary, len(parts), fmt.Errorf("more than %d parts", maxParts))
		}
		v, err := c.part(p)
		if err != nil {
			return doc.Value{}, broken(raw, boundary, len(parts), err)
		}
		parts = append(parts, v)
	}
}

// boundaryOf finds the boundary in the body itself: it is what the first line that begins with -- says (RFC 2046, 5.1.1).
func boundaryOf(raw []byte) (boundary string, at int) {
	for at < len(raw) {
		line, _, _ := bytes.Cut(raw[at:], []byte("\n"))
		if text := strings.TrimRight(string(line), " \t\r"); strings.HasPrefix(text, "--") && len(text) > 2 && len(text) <= 72 {
			return text[2:], at
		}
		at += len(line) + 1
	}
	return "", 0
}

// params name the boundary, without which nobody else finds the parts.
func params(raw []byte) string {
	boundary, _ := boundaryOf(raw)
	return strings.TrimPrefix(mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": boundary}), "multipart/mixed")
}

// broken is the error of the part n, from 0, at the line where it begins.
func broken(raw []byte, boundary string, n int, err error) error {
	at, mark := -1, []byte("--"+boundary)
	for range n + 1 {
		i := bytes.Index(raw[at+1:], mark)
		if i < 0 {
			break
		}
		at += i + 1
	}
	text := err.Error()
	if err == io.ErrUnexpectedEOF {
		text = "the body ends before its last boundary"
	}
	return doc.Refuse(raw, max(at, 0), "bad_multipart", fmt.Sprintf("part %d: %s", n+1, text))
}

// part is one part as a document: name, file, type and body, those that it has.
func (c codec) part(p *multipart.Part) (doc.Value, error) {
	raw, err := io.ReadAll(io.LimitReader(p, maxPart+1))
	if err != nil {
		return doc.Value{}, err
	}
	if len(raw) > maxPart {
		return doc.Value{}, fmt.Errorf("it is larger than %d bytes", maxPart)
	}
	if raw, err = transferred(p.Header.Get("Content-Transfer-Encoding"), raw); err != nil {
		return doc.Value{}, err
	}
	contentType := p.Header.Get("Content-Type")
	body, err := c.others(cmp.Or(contentType, "text/plain")).Decode(raw)
	if err != nil {
		return doc.Value{}, fmt.Errorf("its body: %w", err)
	}
	_, names, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	var fields []doc.Field
	for _, f := range [][2]string{{"name", names["name"]}, {"file", names["filename"]}, {"type", contentType}, {"id", p.Header.Get("Content-Id")}} {
		if f[1] != "" {
			fields = append(fields, doc.Field{Name: f[0], Value: doc.StringValue(strings.ToValidUTF8(f[1], "�"))})
		}
	}
	return doc.ObjectOf(append(fields, doc.Field{Name: "body", Value: body})), nil
}

func (c codec) encode(v doc.Value) ([]byte, error) {
	parts := v.Get("parts")
	if v.Kind() != doc.Object || parts.Kind() != doc.Array || parts.Len() == 0 {
		return nil, hub.Fail(hub.Invalid, "no_multipart", "it is written from {parts: [{name, file, type, body}]}, with one part at least, and this is %s", v.Kind())
	}
	var heads []textproto.MIMEHeader
	var bodies [][]byte
	sum := sha256.New()
	for i, p := range parts.Elems() {
		head, raw, err := c.written(p)
		if err != nil {
			return nil, hub.Fail(hub.Invalid, "no_multipart", "/parts/%d: %w", i, err)
		}
		heads, bodies = append(heads, head), append(bodies, raw)
		sum.Write(raw)
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	w.SetBoundary(hex.EncodeToString(sum.Sum(nil)[:24])) // of the content: the same at each attempt, and nothing that stands in it
	for i, head := range heads {
		p, err := w.CreatePart(head)
		if err != nil {
			return nil, err
		}
		p.Write(bodies[i]) // into memory
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// written is a part as it goes out.
func (c codec) written(p doc.Value) (textproto.MIMEHeader, []byte, error) {
	if p.Kind() != doc.Object {
		return nil, nil, fmt.Errorf("a part is {name, file, type, body}, and this is %s", p.Kind())
	}
	name, file, id, body := p.Get("name").Str(), p.Get("file").Str(), p.Get("id").Str(), p.Get("body")
	if strings.ContainsAny(name+file+id+p.Get("type").Str(), "\r\n\x00") {
		return nil, nil, fmt.Errorf("its name, file, type or id has a line break")
	}
	contentType := p.Get("type").Str()
	switch {
	case contentType != "":
	case file != "":
		contentType = "application/octet-stream"
	case body.Kind() == doc.Object || body.Kind() == doc.Array:
		contentType = "application/json"
	}
	raw, err := c.others(cmp.Or(contentType, "text/plain")).Encode(body)
	if err != nil {
		return nil, nil, err
	}
	head := textproto.MIMEHeader{}
	params := map[string]string{}
	if name != "" {
		params["name"] = name
	}
	if file != "" {
		params["filename"] = file
	}
	kind := "attachment"
	if c.subtype == "form-data" {
		kind = "form-data"
	}
	if len(params) > 0 || kind == "form-data" {
		head.Set("Content-Disposition", disposition(kind, params))
	}
	if contentType != "" {
		head.Set("Content-Type", contentType)
	}
	if id != "" {
		head.Set("Content-Id", id)
	}
	return head, raw, nil
}
