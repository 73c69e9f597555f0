package signature

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub/doc"
)

// Request is what is signed. URL is the address as the sender knows it.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte
}

// scope is a request with what templates may say of it.
type scope struct {
	*Request
	known  map[string]string // time, id, webhook_id
	item   doc.Value         // of Each
	url    *url.URL
	parsed bool
	body   doc.Value // see json
	form   url.Values
}

// template is a text with places in it.
type template []segment

// segment is a text, or a place and the functions that its value goes through.
type segment struct {
	text  string
	place string // "": text
	apply []string
}

// functions are what may stand behind a place: {body|sha256}.
var functions = map[string]func(b []byte) []byte{
	"sha256":        func(b []byte) []byte { return inHex(sum256(b)) },
	"sha512":        func(b []byte) []byte { return inHex(sum512(b)) },
	"md5":           func(b []byte) []byte { return inHex(sumMD5(b)) },
	"sha256-base64": func(b []byte) []byte { return inBase64(sum256(b)) },
	"sha512-base64": func(b []byte) []byte { return inBase64(sum512(b)) },
	"md5-base64":    func(b []byte) []byte { return inBase64(sumMD5(b)) },
	"crc32":         func(b []byte) []byte { return strconv.AppendUint(nil, uint64(crc32.ChecksumIEEE(b)), 10) },
}

func sum256(b []byte) []byte   { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte   { s := sha512.Sum512(b); return s[:] }
func sumMD5(b []byte) []byte   { s := md5.Sum(b); return s[:] }
func inHex(b []byte) []byte    { return hex.AppendEncode(nil, b) }
func inBase64(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }

// Places that stand alone, and those that have a name behind a dot.
var (
	alone = []string{"body", "url", "method", "path", "time", "id", "webhook_id", "form", "signature"}
	below = []string{"header", "query", "form", "body", "item"}
)

// parseTemplate reads "{id}.{body|sha256}".
func parseTemplate(text string) (out template, err error) {
	for rest := text; rest != ""; {
		before, behind, found := strings.Cut(rest, "{")
		if before != "" {
			out = append(out, segment{text: before})
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(behind, "}")
		if !closed {
			return nil, fmt.Errorf("%q has a { without its }", text)
		}
		names := strings.Split(inner, "|")
		seg := segment{place: names[0], apply: names[1:]}
		kind, _, dotted := strings.Cut(seg.place, ".")
		if !dotted && !slices.Contains(alone, kind) || dotted && !slices.Contains(below, kind) {
			return nil, fmt.Errorf("{%s} is not known; write one of {%s}, {%s.NAME}", seg.place, strings.Join(alone, "}, {"), strings.Join(below, ".NAME}, {"))
		}
		for _, name := range seg.apply {
			if functions[name] == nil {
				return nil, fmt.Errorf("{%s}: |%s is not known; write |sha256, |sha512, |md5, those with -base64, or |crc32", inner, name)
			}
		}
		out, rest = append(out, seg), after
	}
	return out, nil
}

// has tells whether a place is in it, or a digest of what stands there.
func (t template) has(place string) bool {
	return slices.ContainsFunc(t, func(s segment) bool { return s.place == place })
}

// only is the place that the template is, and nothing else.
func (t template) only() string {
	if len(t) != 1 || len(t[0].apply) > 0 {
		return ""
	}
	return t[0].place
}

// header is the name of the header that the template is; "": it is none.
func (t template) header() string {
	name, ok := strings.CutPrefix(t.only(), "header.")
	if !ok {
		return ""
	}
	return http.CanonicalHeaderKey(name)
}

// render writes the template with the values of a request. found tells that a place had one.
func (t template) render(s *scope) (text []byte, found bool) {
	for _, seg := range t {
		if seg.place == "" {
			text = append(text, seg.text...)
			continue
		}
		value := s.value(seg.place)
		found = found || len(value) > 0
		for _, name := range seg.apply {
			value = functions[name](value)
		}
		text = append(text, value...)
	}
	return text, found
}

// text is render, empty where no place has a value.
func (t template) text(s *scope) string {
	text, found := t.render(s)
	if !found {
		return ""
	}
	return string(text)
}

// value is what stands at a place; empty: nothing.
func (s *scope) value(place string) []byte {
	kind, name, dotted := strings.Cut(place, ".")
	switch {
	case !dotted && kind == "body":
		return s.Body
	case !dotted:
		return []byte(s.alone(kind))
	case kind == "header":
		return []byte(s.Header.Get(name))
	case kind == "query":
		return []byte(s.address().Query().Get(name))
	case kind == "form":
		return []byte(s.fields().Get(name))
	case kind == "item":
		return []byte(at(s.item, name).Text())
	}
	return []byte(at(s.json(), name).Text())
}

func (s *scope) alone(place string) string {
	switch place {
	case "url":
		return s.URL
	case "method":
		return s.Method
	case "path":
		return s.address().EscapedPath()
	case "form":
		return s.pairs()
	}
	return s.known[place]
}

func (s *scope) address() *url.URL {
	if s.url == nil {
		if s.url, _ = url.Parse(s.URL); s.url == nil {
			s.url = &url.URL{}
		}
	}
	return s.url
}

// isForm tells that the body is a form by its content type.
func (r *Request) isForm() bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media == "application/x-www-form-urlencoded"
}

// json is the body as JSON, whatever its content type, which is not signed; Missing: it is none.
func (s *scope) json() doc.Value {
	if !s.parsed {
		s.parsed = true
		s.body, _ = doc.Parse(s.Body)
	}
	return s.body
}

// fields are those of the body as a form.
func (s *scope) fields() url.Values {
	if s.form == nil {
		s.form, _ = url.ParseQuery(string(s.Body)) // what is no form is refused where it is read
	}
	return s.form
}

// pairs are the names of a form with their values, sorted; of equal pairs one.
func (s *scope) pairs() string {
	if !s.isForm() {
		return ""
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.fields())) {
		for _, v := range slices.Compact(slices.Sorted(slices.Values(s.form[name]))) {
			out.WriteString(name + v)
		}
	}
	return out.String()
}

// at is the value at a dotted path; Missing: there is none.
func at(v doc.Value, path string) doc.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v
}
