package xml

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// space returns the place behind the white space at i.
func (d *decoder) space(i int) int {
	for i < len(d.src) && class[d.src[i]]&isSpace != 0 {
		i++
	}
	return i
}

// name reads the name at i. Whether it is one in all strictness is checked when it is new: see key.
func (d *decoder) name(i int, what string) ([]byte, int, *flaw) {
	end := d.nameEnd(i)
	if end == i || end == len(d.src) {
		return nil, 0, d.unexpected(end, what)
	}
	return d.src[i:end], end, nil
}

func (d *decoder) nameEnd(i int) int {
	for i < len(d.src) && class[d.src[i]]&inName != 0 {
		i++
	}
	return i
}

// startTag reads the start tag at i, and opens its element; that of an empty tag is closed again.
func (d *decoder) startTag(i int) (int, *flaw) {
	at := i
	raw, i, f := d.name(i+1, "the name of an element")
	d.attrs = d.attrs[:0]
	for f == nil {
		j := d.space(i)
		if j == len(d.src) || d.src[j] == '>' || d.src[j] == '/' {
			i = j
			break
		}
		if j == i {
			return 0, d.unexpected(i, "white space, > or />")
		}
		i, f = d.attribute(j)
	}
	if f != nil {
		return 0, f
	}
	empty := i < len(d.src) && d.src[i] == '/'
	if empty {
		i++
	}
	if i == len(d.src) || d.src[i] != '>' {
		return 0, d.unexpected(i, ">")
	}
	if f := d.begin(at, raw); f != nil {
		return 0, f
	}
	if empty {
		d.end()
	}
	return i + 1, nil
}

// attribute reads the attribute at i.
func (d *decoder) attribute(i int) (int, *flaw) {
	raw, end, f := d.name(i, "an attribute, > or />")
	if f != nil {
		return 0, f
	}
	if len(d.attrs) == maxAttributes {
		return 0, &flaw{at: i, code: CodeTooComplex, detail: fmt.Sprintf("an element of more than %d attributes", maxAttributes)}
	}
	a := attribute{raw: raw, at: i}
	if i = d.space(end); i == len(d.src) || d.src[i] != '=' {
		return 0, d.unexpected(i, "= and the value of the attribute "+string(raw))
	}
	if i = d.space(i + 1); i == len(d.src) || d.src[i] != '"' && d.src[i] != '\'' {
		return 0, d.unexpected(i, "a quote before the value of the attribute "+string(raw))
	}
	if i, f = d.attributeValue(i, &a); f == nil {
		d.attrs = append(d.attrs, a)
	}
	return i, f
}

// attributeValue reads the value whose quote is at i. White space of any kind is a space in it (XML 1.0, 3.3.3).
func (d *decoder) attributeValue(i int, a *attribute) (_ int, f *flaw) {
	quote, begin := d.src[i], len(d.arena)
	i++
	for from := i; ; {
		for i < len(d.src) && class[d.src[i]]&isValue != 0 {
			i++
		}
		if i == len(d.src) {
			return 0, d.unexpected(i, "the quote behind the value of the attribute "+string(a.raw))
		}
		switch c := d.src[i]; {
		case c == quote:
			d.arena = append(d.arena, d.src[from:i]...)
			a.span = d.spanFrom(begin)
			return i + 1, nil
		case c == '<':
			return 0, bad(i, "< in the value of the attribute %s: its quote is missing, or it must be written as &lt;", a.raw)
		case c == '&' || class[c]&isSpace != 0:
			d.arena = append(d.arena, d.src[from:i]...)
			if i, f = d.replaced(i); f != nil {
				return 0, f
			}
			from = i
		default: // the other quote, or what may be no character
			if f := d.checkText(i, i+1); f != nil {
				return 0, f
			}
			i++
		}
	}
}

// replaced reads the reference or the white space at i in a value.
func (d *decoder) replaced(i int) (int, *flaw) {
	if d.src[i] == '&' {
		return d.reference(i)
	}
	d.arena = append(d.arena, ' ')
	if bytes.HasPrefix(d.src[i:], []byte("\r\n")) {
		i++
	}
	return i + 1, nil
}

// endTag reads the end tag at i, and closes its element.
func (d *decoder) endTag(i int) (int, *flaw) {
	raw, end, f := d.name(i+2, "the name of an element")
	if f != nil {
		return 0, f
	}
	if len(d.open) == 0 {
		return 0, bad(i, "the end tag </%s> has no start tag", raw)
	}
	if top := d.open[len(d.open)-1].raw; !bytes.Equal(raw, top) {
		return 0, bad(i, "expected </%s>, found </%s>", top, raw)
	}
	if end = d.space(end); end == len(d.src) || d.src[end] != '>' {
		return 0, d.unexpected(end, ">")
	}
	d.end()
	return end + 1, nil
}

// content reads the text at i up to the next tag: comments do not interrupt it. What is no more than the white space of a layout is none.
func (d *decoder) content(i int) (_ int, f *flaw) {
	begin := len(d.arena)
	d.solid = d.open[len(d.open)-1].preserve
	for {
		if i, f = d.characters(i); f != nil {
			return 0, f
		}
		if i+1 >= len(d.src) {
			return 0, d.unexpected(len(d.src), "the end of the element")
		}
		if c := d.src[i+1]; c != '!' && c != '?' {
			if text := d.spanFrom(begin); text.from < text.to && d.solid {
				d.add(node{kind: isCharacters, span: text})
			}
			return i, nil
		}
		if i, f = d.markup(i); f != nil {
			return 0, f
		}
	}
}

// characters reads the character data at i up to the next <.
func (d *decoder) characters(i int) (_ int, f *flaw) {
	from := i
	if i = d.space(i); i < len(d.src) && d.src[i] == '<' {
		d.arena = appendLines(d.arena, d.src[from:i])
		return i, nil
	}
	d.solid = true
	for {
		for i < len(d.src) && class[d.src[i]]&isText != 0 {
			i++
		}
		if i == len(d.src) {
			return 0, d.unexpected(i, "the end of the element")
		}
		switch c := d.src[i]; c {
		case '<':
			d.arena = appendLines(d.arena, d.src[from:i])
			return i, nil
		case '&':
			d.arena = appendLines(d.arena, d.src[from:i])
			if i, f = d.reference(i); f != nil {
				return 0, f
			}
			from = i
		default:
			if f := d.checkText(i, i+1); f != nil {
				return 0, f
			}
			if c == ']' && bytes.HasPrefix(d.src[i:], []byte("]]>")) {
				return 0, bad(i, "]]> in a text: write ]]&gt;")
			}
			i++
		}
	}
}

// spanFrom is the text from there to the end of the arena.
func (d *decoder) spanFrom(begin int) span { return span{int32(begin), int32(len(d.arena))} }

// appendLines appends a text with its line ends as XML has them: CR LF and CR are LF.
func appendLines(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:i]...), '\n')
		text = bytes.TrimPrefix(text[i+1:], []byte("\n"))
	}
}

var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "apos": '\'', "quot": '"'}

// reference reads the reference at i, and appends its character to the arena.
func (d *decoder) reference(i int) (int, *flaw) {
	const longest = 32
	rest := d.src[i+1 : min(i+longest, len(d.src))]
	end := bytes.IndexByte(rest, ';')
	if end < 0 {
		if i+longest > len(d.src) && d.more {
			return 0, d.unexpected(len(d.src), "; behind a reference")
		}
		return 0, bad(i, "& begins no reference: write &amp;")
	}
	name := string(rest[:end])
	if c, ok := entities[name]; ok {
		d.arena = append(d.arena, c)
		return i + end + 2, nil
	}
	digits, numeric := strings.CutPrefix(name, "#")
	if !numeric {
		if !validPart(name) {
			return 0, bad(i, "& begins no reference: write &amp;")
		}
		return 0, bad(i, "the entity &%s; is not known: write the character itself, or its number as in &#160;", name)
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	r, err := strconv.ParseUint(digits, base, 32)
	if err != nil || !legal(rune(min(r, utf8.MaxRune+1))) {
		return 0, bad(i, "&%s; is no character that XML can have", name)
	}
	d.arena = utf8.AppendRune(d.arena, rune(r))
	return i + end + 2, nil
}
