package broker

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
)

// HeaderExact is the header that keeps what the texts of other headers can't
// say: a bridge changes nothing that it is not told to change. It lies beside
// them, survives the store and channels on brokers, and is not sent to other parties.
const HeaderExact = "hub-exact"

// ExactHeader is a header as its transport had it.
type ExactHeader struct {
	Name  string // as it was written; hub.Headers have it in lower case
	Form  string // FormText, FormBytes, FormNull, or a transport's own, which only that transport reads
	Value string
}

// Forms that every transport knows.
const (
	FormText  = "text"  // a text: of a name that is not in lower case, or is there twice
	FormBytes = "bytes" // bytes, which are no text or are told apart from one
	FormNull  = "null"  // there, without a value
)

// Of a form: how HeaderExact writes what is no text.
const (
	inBase64     = ";base64"      // the value
	nameInBase64 = ";name-base64" // the name
)

// Text is the header as steps see it: bytes that are no text are base64. False: the form is a transport's own.
func (e ExactHeader) Text() (string, bool) {
	switch {
	case e.Form == FormBytes && !utf8.ValidString(e.Value):
		return base64.StdEncoding.EncodeToString([]byte(e.Value)), true
	case e.Form == FormText, e.Form == FormBytes:
		return e.Value, true
	}
	return "", e.Form == FormNull
}

// WithExact is a copy of h that keeps list, in its order. h has the texts already.
func WithExact(h hub.Headers, list []ExactHeader) hub.Headers {
	if len(list) == 0 {
		return h.With(HeaderExact, "")
	}
	out := make([][3]string, len(list))
	for i, e := range list {
		if e.Form == FormBytes || !utf8.ValidString(e.Value) {
			e.Form, e.Value = e.Form+inBase64, base64.StdEncoding.EncodeToString([]byte(e.Value))
		}
		if !utf8.ValidString(e.Name) {
			e.Form, e.Name = e.Form+nameInBase64, base64.StdEncoding.EncodeToString([]byte(e.Name))
		}
		out[i] = [3]string{e.Name, e.Form, e.Value}
	}
	raw, _ := json.Marshal(out) // texts always can
	return h.With(HeaderExact, string(raw))
}

// KeepExact is WithExact of those of all that the texts in h can't say: they are no texts, not in lower case, or there twice.
func KeepExact(h hub.Headers, all []ExactHeader) hub.Headers {
	same := map[string]int{} // names that differ in their case alone
	for _, e := range all {
		same[strings.ToLower(e.Name)]++
	}
	return WithExact(h, slices.DeleteFunc(all, func(e ExactHeader) bool {
		name := strings.ToLower(e.Name)
		return e.Form == FormText && e.Name == name && same[name] == 1
	}))
}

// Exact lists the headers that were kept exactly and still are what h says, in
// their order: those of a name that a step changed or removed are not among
// them, and their text counts. text reads a transport's own forms; nil: it has
// none. covered are the lower-case names that list speaks for.
func Exact(h hub.Headers, text func(ExactHeader) (string, bool)) (list []ExactHeader, covered map[string]bool) {
	var kept [][3]string
	if h[HeaderExact] == "" || json.Unmarshal([]byte(h[HeaderExact]), &kept) != nil {
		return nil, nil
	}
	covered = map[string]bool{}
	for _, k := range kept {
		e := ExactHeader{Name: k[0], Form: k[1], Value: k[2]}
		if form, is := strings.CutSuffix(e.Form, nameInBase64); is {
			raw, _ := base64.StdEncoding.DecodeString(e.Name)
			e.Form, e.Name = form, string(raw)
		}
		if form, is := strings.CutSuffix(e.Form, inBase64); is {
			raw, _ := base64.StdEncoding.DecodeString(e.Value)
			e.Form, e.Value = form, string(raw)
		}
		now, ok := e.Text()
		if !ok && text != nil {
			now, ok = text(e)
		}
		if !ok {
			continue
		}
		list = append(list, e)
		if said, there := h[strings.ToLower(e.Name)]; there && said == now {
			covered[strings.ToLower(e.Name)] = true
		}
	}
	n := 0
	for _, e := range list {
		if covered[strings.ToLower(e.Name)] {
			list[n] = e
			n++
		}
	}
	return list[:n], covered
}
