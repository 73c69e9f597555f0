package httpserver

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/coding"
)

const typeForm = "application/x-www-form-urlencoded"

// media are the content types that a route takes, as text/csv, and whole families of them: +json, multipart/*, */*.
type media []string

// takes tells whether a content type without parameters is one of them.
func (m media) takes(contentType string) bool {
	group, sub, _ := strings.Cut(contentType, "/")
	family := "+"
	if i := strings.LastIndexByte(sub, '+'); i >= 0 {
		family = sub[i:]
	}
	return slices.Contains(m, contentType) || slices.Contains(m, family) || slices.Contains(m, group+"/*") || slices.Contains(m, "*/*")
}

// told are those that senders are told of.
func (m media) told() (out []string) {
	for _, t := range m {
		if !strings.HasPrefix(t, "+") && t != "*/*" {
			out = append(out, t)
		}
	}
	return out
}

// contentType is that of the body as the message has it, when the route takes it: without parameters, but for a character
// set other than UTF-8 and the boundary of multipart. The usual spelling of JSON is found without parsing.
func (s *Source) contentType(r *http.Request, size int) (string, *problem) {
	values := r.Header["Content-Type"]
	if s.verify.ambient && http.NewCrossOriginProtection().Check(r) != nil {
		return "", otherSite()
	}
	switch {
	case len(values) == 0 && size == 0:
		return "", nil
	case len(values) != 1:
		return "", s.unsupported("unsupported_media_type", "")
	case values[0] == typeJSON && s.accepts[0] == typeJSON:
		return typeJSON, nil
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || !s.accepts.takes(kind) {
		return "", s.unsupported("unsupported_media_type", "")
	}
	if kind == typeForm && s.guarded && http.NewCrossOriginProtection().Check(r) != nil {
		return "", otherSite()
	}
	kept := map[string]string{}
	charset := strings.ToLower(params["charset"])
	switch set, err := coding.Charset(charset); {
	case err != nil:
		return "", s.unsupported("unsupported_charset", "the character set "+charset+" is not known: send UTF-8; ")
	case set != nil:
		kept["charset"] = charset
	}
	if boundary := params["boundary"]; boundary != "" {
		kept["boundary"] = boundary
	}
	if len(kept) == 0 {
		return kind, nil
	}
	return mime.FormatMediaType(kind, kept), nil
}

func otherSite() *problem {
	return newProblem(http.StatusForbidden, "cross_origin", "a page of another site sends this")
}

// unsupported is the answer to a body of another type; it tells what is taken.
func (s *Source) unsupported(code, why string) *problem {
	told := s.accepts.told()
	p := newProblem(http.StatusUnsupportedMediaType, code, why+"send Content-Type: "+strings.Join(told, " or "))
	p.accept = "Accept: " + strings.Join(told, ", ")
	return p
}

// consumed reads the option consumes: what the route takes instead of its formats' types.
func consumed(texts []string, bad func(path, help, format string, args ...any)) (out media) {
	for _, text := range texts {
		kind, _, err := mime.ParseMediaType(text)
		switch {
		case err != nil || !strings.Contains(kind, "/"):
			bad("consumes", "write application/json, text/csv or another one", "consumes: %q is no media type", text)
		case strings.Contains(kind, "*"):
			bad("consumes", "name each media type: that is what senders are told", "consumes: %s stands for many", text)
		}
		out = append(out, kind)
	}
	return out
}

// decoded is m with its body in the form that its content type says, where that is known here; the pipeline reads the others.
func (s *Source) decoded(m *hub.Message, method string) (*hub.Message, *problem) {
	if m.Body.Len() == 0 {
		if wantsBody(method) && !s.options.EmptyBody {
			return nil, newProblem(http.StatusBadRequest, "empty_body", "the request has no body")
		}
		return m, nil
	}
	format := s.about.Format
	if format != nil {
		format, _ = s.formats.In(format, m.Headers[hub.HeaderContentType], format.Coding) // known, else it were refused
		m.Body, m.Headers[hub.HeaderFormat] = m.Body.In(format), format.Name
	}
	if format != nil || hub.IsJSON(m.Headers[hub.HeaderContentType]) {
		if _, err := m.Body.Doc(); err != nil { // decoded here, kept in the body
			return nil, problemOf(err)
		}
	}
	return m, nil
}

func wantsBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
