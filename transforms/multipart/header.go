package multipart

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime/quotedprintable"
	"slices"
	"strings"
)

// quotes writes what a quoted string of a form can't hold as browsers do (HTML Standard, multipart/form-data).
var quotes = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

// disposition is the header Content-Disposition with its parameters in UTF-8, as RFC 7578, 5.1, has it.
func disposition(kind string, params map[string]string) string {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(params))) { // name before filename
		kind += "; " + name + `="` + quotes.Replace(params[name]) + `"`
	}
	return kind
}

// transferred undoes a Content-Transfer-Encoding (RFC 2045, 6).
func transferred(name string, raw []byte) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "7bit", "8bit", "binary":
		return raw, nil
	case "base64":
		text := strings.Map(func(r rune) rune {
			if r == '\r' || r == '\n' || r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, string(raw))
		return base64.StdEncoding.DecodeString(text)
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(strings.NewReader(string(raw))))
	}
	return nil, fmt.Errorf("its transfer encoding %q is not known", name)
}
