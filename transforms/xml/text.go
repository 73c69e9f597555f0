package xml

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"

	"orderhub/hub/coding"
	"orderhub/hub/doc"
)

// encodingOf returns the encoding of a text by its beginning, nil for UTF-8, and how many bytes are its byte order mark. The mark decides,
// before the XML declaration (RFC 7303, 3.2). Without a mark a declaration that says UTF-16 is wrong: it would not be readable.
func encodingOf(head []byte) (e encoding.Encoding, mark int, err error) {
	utf16 := func(b unicode.Endianness) encoding.Encoding { return unicode.UTF16(b, unicode.UseBOM) }
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		return nil, 3, nil
	case bytes.HasPrefix(head, []byte("\xFE\xFF")), bytes.HasPrefix(head, []byte("\x00<")):
		return utf16(unicode.BigEndian), 0, nil
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("<\x00")):
		return utf16(unicode.LittleEndian), 0, nil
	}
	label := declared(head)
	if label == "" {
		return nil, 0, nil
	}
	if e, err = coding.Charset(label); err != nil {
		f := bad(bytes.Index(head, []byte("encoding")), "the encoding %q is not known", label)
		return nil, 0, place{}.syntax(head, f)
	}
	if e != nil {
		if plain, _ := e.NewDecoder().String("<?xml"); plain != "<?xml" {
			return nil, 0, nil
		}
	}
	return e, 0, nil
}

// declared returns the encoding that the XML declaration names; "": none. Whether the declaration is right is checked later.
func declared(head []byte) string {
	declaration, _, ends := bytes.Cut(head, []byte("?>"))
	if !ends || !bytes.HasPrefix(declaration, []byte("<?xml")) {
		return ""
	}
	_, value, _ := bytes.Cut(declaration, []byte("encoding"))
	value = bytes.TrimLeft(value, " \t\r\n=")
	if len(value) == 0 {
		return ""
	}
	label, _, _ := bytes.Cut(value[1:], value[:1])
	return string(label)
}

// toUTF8 returns a document as UTF-8, and whether it was something else.
func toUTF8(raw []byte) (src []byte, converted bool, err error) {
	e, mark, err := encodingOf(raw)
	if e == nil || err != nil {
		return raw[mark:], false, err
	}
	src, err = e.NewDecoder().Bytes(raw)
	return src, true, err
}

// reader is toUTF8 for a stream.
func reader(r io.Reader) (in io.Reader, converted bool, err error) {
	b := bufio.NewReaderSize(r, 4<<10)
	head, _ := b.Peek(1 << 10) // an error comes again when it is read
	e, mark, err := encodingOf(head)
	if e == nil || err != nil {
		b.Discard(mark)
		return b, false, err
	}
	return e.NewDecoder().Reader(b), true, nil
}

// place is a place in a text; all of it counts from 0, col in characters.
type place struct{ offset, line, col int }

// after returns the place behind the text at p.
func (p place) after(text []byte) place {
	p.offset += len(text)
	if n := bytes.Count(text, []byte("\n")); n > 0 {
		p.line += n
		p.col = 0
		text = text[bytes.LastIndexByte(text, '\n')+1:]
	}
	p.col += utf8.RuneCount(text)
	return p
}

// syntax makes the error of a flaw in the text at p.
func (p place) syntax(text []byte, f *flaw) *doc.SyntaxError {
	at := p.after(text[:f.at])
	return &doc.SyntaxError{Code: f.code, Offset: at.offset, Line: at.line + 1, Col: at.col + 1, Detail: f.detail}
}
