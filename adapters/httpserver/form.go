package httpserver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const typeForm = "application/x-www-form-urlencoded"

// formBody is a form as a document of texts, its names sorted; of a name that comes twice the first counts.
func formBody(raw []byte) (hub.Body, *problem) {
	fields, err := url.ParseQuery(string(raw))
	if err != nil {
		return hub.Body{}, newProblem(http.StatusBadRequest, "bad_form", "the form is not well formed")
	}
	var out []doc.Field
	for name, v := range fields {
		if !utf8.ValidString(name) || !utf8.ValidString(v[0]) {
			return hub.Body{}, newProblem(http.StatusBadRequest, "bad_utf8", "the form is not UTF-8")
		}
		out = append(out, doc.Field{Name: name, Value: doc.StringValue(v[0])})
	}
	slices.SortFunc(out, func(a, b doc.Field) int { return strings.Compare(a.Name, b.Name) })
	return hub.DocumentBody(doc.ObjectOf(out)), nil
}
