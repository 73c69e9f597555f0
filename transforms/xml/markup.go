package xml

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
)

// markup reads what begins with <! or <? at i: a comment or a processing
// instruction, which are skipped, or inside the root a CDATA section.
func (d *decoder) markup(i int) (int, *flaw) {
	const cdata, comment, doctype = "<![CDATA[", "<!--", "<!DOCTYPE"
	rest := d.src[i:]
	switch {
	case rest[1] == '?':
		return d.instruction(i)
	case bytes.HasPrefix(rest, []byte(comment)):
		end, f := d.until(i+len(comment), "--", "a comment")
		if f == nil && (end == len(d.src) || d.src[end] != '>') {
			return 0, d.unexpected(end, "> behind the -- of a comment")
		}
		return end + 1, f
	case bytes.HasPrefix(rest, []byte(cdata)) && len(d.open) > 0:
		from := i + len(cdata)
		end, f := d.until(from, "]]>", "a CDATA section")
		if f == nil {
			d.solid = true
			d.arena = appendLines(d.arena, d.src[from:end-len("]]>")])
		}
		return end, f
	case bytes.HasPrefix(rest, []byte(doctype)):
		return 0, &flaw{at: i, code: CodeDoctype, detail: "a DOCTYPE is refused, as it can name files and entities: send the document without it"}
	case len(rest) < len(cdata) && (strings.HasPrefix(cdata, string(rest)) || strings.HasPrefix(comment, string(rest)) || strings.HasPrefix(doctype, string(rest))):
		return 0, d.unexpected(len(d.src), "a comment or a CDATA section")
	}
	return 0, bad(i, "<! begins neither a comment nor a CDATA section here: < is written as &lt;")
}

// until returns the place behind the mark that ends what is read from i on.
func (d *decoder) until(i int, mark, what string) (int, *flaw) {
	n := bytes.Index(d.src[i:], []byte(mark))
	if n < 0 {
		return 0, d.unexpected(len(d.src), mark+" behind "+what)
	}
	return i + n + len(mark), d.checkText(i, i+n)
}

// instruction skips the processing instruction at i.
func (d *decoder) instruction(i int) (int, *flaw) {
	target, at, f := d.name(i+2, "the target of a processing instruction")
	switch {
	case f != nil:
		return 0, f
	case strings.EqualFold(string(target), "xml"):
		return 0, bad(i, "the XML declaration must be the first thing of the document: remove what stands before it")
	case !validPart(string(target)):
		return 0, bad(i+2, "%q is no name of a processing instruction", target)
	}
	end, f := d.until(at, "?>", "a processing instruction")
	if f == nil && class[d.src[at]]&isSpace == 0 && end != at+len("?>") {
		return 0, d.unexpected(at, "white space or ?>")
	}
	return end, f
}

// declaration reads the XML declaration, if there is one at i. Its encoding has been obeyed before: see toUTF8.
func (d *decoder) declaration(i int) (int, *flaw) {
	const mark = "<?xml"
	if !bytes.HasPrefix(d.src[i:], []byte(mark)) || i+len(mark) < len(d.src) && class[d.src[i+len(mark)]]&inName != 0 {
		return i, nil
	}
	i += len(mark)
	d.attrs = d.attrs[:0]
	for {
		j := d.space(i)
		if bytes.HasPrefix(d.src[j:], []byte("?>")) {
			i = j + len("?>")
			break
		}
		if j == i || j == len(d.src) {
			return 0, d.unexpected(j, "?> behind the XML declaration")
		}
		var f *flaw
		if i, f = d.attribute(j); f != nil {
			return 0, f
		}
	}
	return i, d.checkDeclaration(i)
}

// checkDeclaration checks the attributes of the XML declaration that ends at i.
func (d *decoder) checkDeclaration(i int) *flaw {
	if len(d.attrs) == 0 || string(d.attrs[0].raw) != "version" {
		return bad(i-len("?>"), "the XML declaration does not begin with its version")
	}
	left := []string{"version", "encoding", "standalone"}
	for _, a := range d.attrs {
		name, value := string(a.raw), d.text(a.span)
		at := slices.Index(left, name)
		if at < 0 {
			return bad(a.at, "%s in the XML declaration, which has version, encoding and standalone, in this order", name)
		}
		left = left[at+1:]
		minor, known := strings.CutPrefix(value, "1.")
		switch {
		case name == "version" && (!known || minor == "" || strings.Trim(minor, "0123456789") != ""):
			return bad(a.at, "version %q of XML is not known", value)
		case name == "standalone" && value != "yes" && value != "no":
			return bad(a.at, "standalone=%q: it is yes or no", value)
		}
	}
	return nil
}

// checkText refuses what is no character of XML in src[from:to].
func (d *decoder) checkText(from, to int) *flaw {
	for i := from; i < to; i++ {
		c := d.src[i]
		if class[c]&isLegal != 0 {
			continue
		}
		if c != 0xEF {
			return bad(i, "the character U+%04X can't be in XML", c)
		}
		switch r, _ := utf8.DecodeRune(d.src[i:]); {
		case r == 0xFFFE || r == 0xFFFF:
			return bad(i, "the character U+%04X can't be in XML", r)
		case r == utf8.RuneError && d.converted:
			return bad(i, "a byte that is no character in the encoding of the document")
		}
	}
	return nil
}

func notUTF8(src []byte, at int) *flaw {
	return &flaw{at: at, code: doc.CodeBadUTF8, detail: fmt.Sprintf("the byte 0x%02X is not UTF-8: the XML declaration must name the encoding, as in encoding=\"ISO-8859-1\"", src[at])}
}
