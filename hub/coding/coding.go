// Package coding knows character sets and compressions, and gives a format both: what lies
// between a document's bytes and the bytes that travel (RFC 9110, 8.3.2 and 8.4).
package coding

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"orderhub/hub"
	"orderhub/hub/doc"
)

// mark is U+FEFF in UTF-8.
const mark = "\uFEFF"

// Names are the compressions, as content-encoding names them.
func Names() []string { return []string{"gzip", "deflate", "zstd"} }

// MaxExpanded bounds what a compressed body may become: more is taken for a bomb.
const MaxExpanded = 64 << 20

// CodeTooLarge is the code of a body that becomes larger than it may.
const CodeTooLarge = "decompressed_too_large"

// Charset finds a character set by its name on the web or at IANA; nil: it is UTF-8. The error says what to write. Where both know a name
// it means what it means on the web, as the programs that write such files do: iso-8859-1 is windows-1252.
func Charset(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil, nil
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), nil
	}
	e, err := htmlindex.Get(name)
	if err != nil || e == encoding.Replacement {
		e, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || e == nil {
		return nil, fmt.Errorf("the character set %q is not known; write its IANA name, such as utf-8, windows-1252, iso-8859-15, utf-16le", name)
	}
	return e, nil
}

// Declared is the character set that an option (charset) and a content type name; "": neither does. That they name two is an error which says so.
func Declared(charset, contentType string) (string, error) {
	if contentType == "" {
		return charset, nil
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", fmt.Errorf("%q is no content type (%w); write such as text/csv; charset=windows-1252", contentType, err)
	}
	named := params["charset"]
	other, err := Charset(named)
	if err != nil || charset == "" || named == "" {
		return cmp.Or(charset, named), err
	}
	if one, err := Charset(charset); err == nil && one != other {
		return "", fmt.Errorf("the content type says charset=%s, and the format has charset: %s; write the same in both, or in one of them", named, charset)
	}
	return charset, nil
}

// Wrap is f, which has no character set of its own, in a character set ("" for UTF-8) and a compression ("" for none).
func Wrap(f *hub.Format, charset, compress string) (*hub.Format, error) {
	set, err := Charset(charset)
	if err != nil {
		return nil, err
	}
	if compress != "" && !slices.Contains(Names(), compress) {
		return nil, fmt.Errorf("the compression %q is not known; write one of %s", compress, strings.Join(Names(), ", "))
	}
	if set == nil && compress == f.Coding {
		return f, nil
	}
	bare := cmp.Or(f.Bare, f)
	w, c := *f, coded{bare, set, charset, compress}
	if set != nil {
		w.Type, _, _ = strings.Cut(w.Type, ";")
		w.Type += "; charset=" + strings.ToLower(charset)
	}
	w.Bare, w.Coding, w.Decode, w.Encode = bare, compress, c.decode, c.encode
	if f.Records != nil {
		w.Records = c.records
	}
	if f.Params != nil {
		w.Params = func(raw []byte) string {
			plain, _ := Expand(compress, raw, MaxExpanded)
			return bare.Params(plain)
		}
	}
	if w.Append = nil; f.Append != nil && compress != "deflate" { // which ends with its first stream
		w.Append = c.append
	}
	return &w, nil
}

// Cache has formats in the character sets and compressions of messages, each made once. The zero value is empty, and ready for use.
type Cache struct{ made sync.Map } // of variant: *hub.Format

// In is f for a message of a content type and a compression ("" for none): the text is in the character set that the content
// type names, unless f has its own. A coding that is not known is an error, and not kept: whoever sends it could fill the memory.
func (c *Cache) In(f *hub.Format, contentType, compress string) (*hub.Format, error) {
	key := variant{format: f, compress: strings.ToLower(compress)}
	if f.Charset == "" && strings.Contains(contentType, ";") {
		_, params, _ := mime.ParseMediaType(contentType)
		key.charset = strings.ToLower(params["charset"])
	}
	if key.charset == "" && key.compress == f.Coding {
		return f, nil
	}
	if made, ok := c.made.Load(key); ok {
		return made.(*hub.Format), nil
	}
	out, err := Wrap(f, key.charset, key.compress)
	if err != nil {
		return nil, err
	}
	made, _ := c.made.LoadOrStore(key, out)
	return made.(*hub.Format), nil
}

// variant is a format in a coding.
type variant struct {
	format            *hub.Format
	charset, compress string
}

// coded is a format behind its coding.
type coded struct {
	format   *hub.Format
	set      encoding.Encoding // nil: UTF-8
	charset  string
	compress string
}

func (c coded) decode(raw []byte) (doc.Value, error) {
	plain, err := Expand(c.compress, raw, MaxExpanded)
	if err == nil {
		plain, err = c.toUTF8(plain)
	}
	if err != nil {
		return doc.Value{}, err
	}
	if c.marked() {
		plain = append([]byte(mark), plain...)
	}
	return c.format.Decode(plain)
}

// marked tells that the text begins with a byte order mark now: see hub.Format.Declares.
func (c coded) marked() bool { return c.set != nil && c.format.Declares }

func (c coded) encode(v doc.Value) ([]byte, error) {
	raw, err := c.format.Encode(v)
	return c.coded(raw, err, true)
}

func (c coded) append(b hub.Body, first bool) ([]byte, error) {
	v, err := b.Doc()
	if err != nil {
		return nil, err
	}
	raw, err := c.format.Append(hub.DocumentBody(v).In(c.format), first)
	return c.coded(raw, err, first)
}

// coded writes what a format wrote; the byte order mark of UTF-16 is for the first of several only.
func (c coded) coded(raw []byte, err error, first bool) ([]byte, error) {
	if err == nil && c.set != nil {
		set := c.set
		if !first && strings.EqualFold(c.charset, "utf-16") {
			set = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
		}
		text := raw
		if raw, err = set.NewEncoder().Bytes(text); err != nil {
			char := lacking(set, string(text))
			err = hub.Fail(hub.Invalid, "no_charset", "%s has no place for the character %c (%U): replace it, or write another charset", c.charset, char, char)
		}
	}
	if err != nil {
		return nil, err
	}
	return squeeze(c.compress, raw)
}

// lacking is the first character of a text that a character set has no place for.
func lacking(set encoding.Encoding, text string) (char rune) {
	for _, char = range text {
		if _, err := set.NewEncoder().String(string(char)); err != nil {
			break
		}
	}
	return char
}

func (c coded) records(r io.Reader, limit int) hub.RecordReader {
	plain, err := open(c.compress, r, MaxExpanded)
	if err != nil {
		return func() (hub.Body, int, error) { return hub.Body{}, 1, bad(c.compress, err) }
	}
	if c.set == nil {
		return c.format.Records(plain, limit)
	}
	plain = transform.NewReader(plain, strict{c.set.NewDecoder()})
	if c.marked() {
		plain = io.MultiReader(strings.NewReader(mark), plain)
	}
	next := c.format.Records(plain, limit)
	return func() (hub.Body, int, error) {
		body, line, err := next()
		bad, _ := err.(*doc.SyntaxError)
		if one, ok := err.(*hub.RecordError); ok {
			bad = &one.SyntaxError
		}
		if bad != nil && bad.Code == doc.CodeBadUTF8 {
			bad.Code, bad.Detail = codeBadCharset, c.meaningless()
		}
		return body, line, err
	}
}

// leastWindow is what zstd may need as a content coding, however little comes out: RFC 9659.
const leastWindow = 8 << 20

// open is a reader of what r holds compressed. Its memory is bounded by what may come out.
func open(name string, r io.Reader, limit int64) (io.Reader, error) {
	switch name {
	case "":
		return r, nil
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(max(limit, leastWindow))))
	}
	head := make([]byte, 2) // RFC 9110 means zlib; some senders send what is in it
	n, err := io.ReadFull(r, head)
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// Expand undoes a compression, one of Names or none. More than limit bytes are refused.
func Expand(name string, raw []byte, limit int64) ([]byte, error) {
	if name == "" {
		return raw, nil
	}
	r, err := open(name, bytes.NewReader(raw), limit)
	if err != nil {
		return nil, bad(name, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, limit+1))
	if d, ok := r.(*zstd.Decoder); ok {
		d.Close()
	}
	switch {
	case int64(len(plain)) > limit:
		return nil, &doc.SyntaxError{Code: CodeTooLarge, Line: 1, Col: 1, Detail: fmt.Sprintf("decompressed it is larger than %d bytes", limit)}
	case err != nil:
		return nil, bad(name, err)
	}
	return plain, nil
}

func bad(name string, err error) error {
	return &doc.SyntaxError{Code: "bad_" + name, Line: 1, Col: 1, Detail: "it can't be decompressed: " + err.Error()}
}

func squeeze(name string, raw []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "":
		return raw, nil
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	}
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

const codeBadCharset = "bad_charset"

// noText stands for what has no meaning in a character set: a byte that is in no text in UTF-8, so that every format refuses
// it where it stands, and in a stream the one record that it is in.
const noText = 0xFF

// strict is a decoder that writes noText where encoding.Decoder writes U+FFFD.
type strict struct{ *encoding.Decoder }

// Transform is that of transform.Transformer. A decoder writes whole characters only.
func (s strict) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = s.Decoder.Transform(dst, src, atEOF)
	if unknown := []byte("\uFFFD"); bytes.Contains(dst[:nDst], unknown) {
		nDst = copy(dst, bytes.ReplaceAll(dst[:nDst], unknown, []byte{noText}))
	}
	return nDst, nSrc, err
}

func (c coded) meaningless() string {
	return "a byte that has no meaning in the character set " + c.charset
}

// toUTF8 converts a text, and refuses bytes that its character set gives no meaning.
func (c coded) toUTF8(raw []byte) ([]byte, error) {
	if c.set == nil {
		return raw, nil
	}
	plain, _, err := transform.Bytes(strict{c.set.NewDecoder()}, raw)
	if err != nil {
		return nil, &doc.SyntaxError{Code: codeBadCharset, Line: 1, Col: 1, Detail: err.Error()}
	}
	if i := bytes.IndexByte(plain, noText); i >= 0 {
		return nil, doc.Refuse(plain, i, codeBadCharset, c.meaningless())
	}
	return plain, nil
}
