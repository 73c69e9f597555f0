package formula

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// codeBuiltins write texts in other alphabets and read them, and tell their digests.
func codeBuiltins() []builtin {
	text := shape.StringType
	return []builtin{
		{name: "base64", params: []set{strs, strs}, optional: 1, result: text, do: toBase64},
		decoder("fromBase64", "base64 of a text", fromBase64),
		ofText("hex", func(s string) string { return hex.EncodeToString([]byte(s)) }),
		decoder("fromHex", "hex of a text", func(s string) (string, error) { raw, err := hex.DecodeString(s); return string(raw), err }),
		ofText("urlEncode", func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }),
		decoder("urlDecode", "URL encoding of a text", url.QueryUnescape),
		{name: "sha256", params: []set{strs, strs}, optional: 1, result: text, do: toSHA256},
		{name: "hmac", params: []set{strs, strs, strs, strs}, optional: 2, result: text, do: toHMAC},
	}
}

// decoder is a builtin that reads a text of an alphabet.
func decoder(name, thing string, read func(string) (string, error)) builtin {
	return builtin{name: name, params: []set{strs}, result: shape.StringType, do: func(s *site, fr *Frame) doc.Value {
		v := s.arg(fr, 0)
		text, err := read(v.Str())
		if err != nil || !utf8.ValidString(text) {
			panic(s.no(fr, v, thing, ""))
		}
		return s.built(fr, text)
	}}
}

// fromBase64 reads both alphabets, with padding and without.
func fromBase64(text string) (string, error) {
	raw, err := base64.RawStdEncoding.Strict().DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "=")))
	return string(raw), err
}

// The forms of bytes.
var forms = map[string]func([]byte) string{
	"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString, "base64url": base64.RawURLEncoding.EncodeToString,
}

var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New, "sha384": sha512.New384, "sha512": sha512.New}

// choice is the optional argument i, which names one of some things; first is the one that is meant where it is left out.
func choice[T any](s *site, fr *Frame, i int, first string, things map[string]T) T {
	name := first
	if i < len(s.args) {
		name = s.str(fr, i)
	}
	thing, known := things[name]
	if !known {
		panic(s.args[i].fail("%q is not one of %s", cut(name), strings.Join(slices.Sorted(maps.Keys(things)), ", ")))
	}
	return thing
}

func toBase64(s *site, fr *Frame) doc.Value {
	form := choice(s, fr, 1, "base64", map[string]func([]byte) string{"base64": forms["base64"], "base64url": forms["base64url"]})
	return s.built(fr, form([]byte(s.str(fr, 0))))
}

func toSHA256(s *site, fr *Frame) doc.Value {
	form := choice(s, fr, 1, "hex", forms)
	sum := sha256.Sum256([]byte(s.str(fr, 0)))
	return s.built(fr, form(sum[:]))
}

func toHMAC(s *site, fr *Frame) doc.Value {
	form, sum := choice(s, fr, 2, "hex", forms), choice(s, fr, 3, "sha256", hashes)
	key := s.str(fr, 1)
	if key == "" {
		panic(s.args[1].fail("the key of a signature is empty"))
	}
	mac := hmac.New(sum, []byte(key))
	mac.Write([]byte(s.str(fr, 0)))
	return s.built(fr, form(mac.Sum(nil)))
}
