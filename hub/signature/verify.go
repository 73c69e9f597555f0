package signature

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Fault says why a request is not taken. Malformed: its ID is none.
type Fault struct {
	Code, Detail string
	Malformed    bool
}

func (f *Fault) Error() string { return f.Detail }

var invalid = &Fault{Code: "signature_invalid", Detail: "no signature fits the body (is the body signed exactly as it is sent?)"}

// ErrPing is the fault of an unsigned request that only asks whether somebody is there.
var ErrPing = errors.New("nothing but a ping")

// CertURL is where the certificate of the request's signer lies; "": a key is given, or the request names none.
func (s *Signature) CertURL(r *Request) string {
	if len(s.keys) > 0 {
		return ""
	}
	return s.cert.text(&scope{Request: r})
}

// Verify checks who signed r. The id names it among the sender's: sent again, by the sender or by somebody
// who recorded it, it is the same; "": nothing does. keys are more of the sender's.
func (s *Signature) Verify(r *Request, now time.Time, keys ...Key) (id string, err error) {
	at := &scope{Request: r, known: map[string]string{"webhook_id": s.webhookID}}
	if s.Each == "" {
		return s.verify(at, now, append(keys, s.keys...))
	}
	items := s.items(at)
	if len(items) == 0 || len(items) > maxItems {
		return "", &Fault{Code: "signature_missing", Detail: fmt.Sprintf("%s of the body is no list of 1 to %d signed items", s.Each, maxItems)}
	}
	var ids []string
	for _, item := range items {
		one := *at
		one.item, one.known = item, map[string]string{"webhook_id": s.webhookID}
		id, err := s.verify(&one, now, append(keys, s.keys...))
		if err != nil {
			return "", err
		}
		ids = append(ids, id)
	}
	if len(ids) == 1 {
		return ids[0], nil
	}
	return "signed." + hub.HashID(strings.Join(ids, "\x00")), nil
}

func (s *Signature) items(of *scope) (items []doc.Value) {
	for _, item := range at(of.json(), s.Each).Elems() {
		items = append(items, item)
	}
	return items
}

// verify checks a request, or one item of it.
func (s *Signature) verify(at *scope, now time.Time, keys []Key) (id string, err error) {
	header := s.place.text(at)
	switch {
	case header == "" && s.ping(at.Body):
		return "", ErrPing
	case header == "":
		return "", &Fault{Code: "signature_missing", Detail: "the request is not signed: there is nothing at " + s.Form.Signature}
	case len(header) > maxText:
		return "", invalid
	}
	sigs := s.read(header, at.known)
	if s.Time != "" {
		at.known["time"] = s.stamp.text(at)
	}
	if s.ID != "" {
		at.known["id"] = s.id.text(at)
	}
	if id = at.known["id"]; len(id) > maxID || s.signed.has("id") && (id == "" || strings.ContainsAny(id, ".|\r\n")) {
		return "", &Fault{Code: "bad_message_id", Malformed: true, Detail: "the id of the message is empty, longer than 255 characters, or holds a dot, a bar or a line end"}
	}
	if s.timed && !fresh(at.known["time"], now, s.MaxAge) {
		return "", &Fault{Code: "timestamp_out_of_tolerance", Detail: fmt.Sprintf("the time of the signature is missing, or off by more than %s", s.MaxAge)}
	}
	text, _ := s.signed.render(at)
	if !s.match(keys, sigs, text) || !s.whole(at) {
		return "", invalid
	}
	switch {
	case id != "" && !s.proven: // whoever recorded it could change it: of another body it is another one
		id = "sent." + hub.HashID(id+"\x00"+string(at.Body))
	case id == "" && s.timed: // a time and the body: however the signature is written, it is the same
		id = "signed." + hub.HashID(string(text))
	}
	return id, nil
}

// ping tells that a body without a signature only asks whether somebody is there.
func (s *Signature) ping(body []byte) bool {
	number, ok := strings.CutPrefix(string(body[:min(len(body), len(s.Ping)+21)]), s.Ping)
	_, err := strconv.ParseUint(number, 10, 64)
	return s.Ping != "" && ok && err == nil
}

// whole tells that a body which is not signed itself has the digest that is.
func (s *Signature) whole(at *scope) bool {
	return s.Digest == "" || len(at.Body) == 0 || at.isForm() || strings.EqualFold(s.in.text(at), string(inHex(sum256(at.Body))))
}

// read gives the signatures of a header, and puts what else it holds into known. There are several while keys change.
func (s *Signature) read(header string, known map[string]string) (sigs []string) {
	if s.Separator == "" {
		p := s.parts[0]
		return []string{strings.TrimSuffix(strings.TrimPrefix(header, p.before), p.after)} // whoever has no prefix has the digest alone
	}
	for text := range strings.SplitSeq(header, s.Separator) {
		text = strings.TrimSpace(text)
		for _, p := range s.parts {
			value, ok := strings.CutPrefix(text, p.before)
			switch value = strings.TrimSuffix(value, p.after); {
			case !ok:
			case p.name != "signature":
				known[p.name] = value
			case len(sigs) < maxSignatures:
				sigs = append(sigs, value)
			}
		}
	}
	return sigs
}

// match compares all keys with all signatures, in constant time each.
func (s *Signature) match(keys []Key, sigs []string, text []byte) (ok bool) {
	for _, key := range keys {
		for _, sig := range sigs {
			got, err := decode[s.Encoding](sig)
			ok = err == nil && len(got) > 0 && key.check(s.Algorithm, text, got) || ok
		}
	}
	return ok
}

var decode = map[string]func(string) ([]byte, error){
	"hex": hex.DecodeString, "base64": base64.StdEncoding.DecodeString,
	"base64url": func(text string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	},
}

// fresh tells whether a time is not further from now than most.
func fresh(stamp string, now time.Time, most time.Duration) bool {
	t, ok := parseTime(stamp)
	return ok && now.Sub(t) <= most && t.Sub(now) <= most
}

// parseTime reads Unix seconds or milliseconds, RFC 3339 and the dates of HTTP.
func parseTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n >= 1e11 { // seconds of the year 5138
			return time.UnixMilli(n), true
		}
		return time.Unix(n, 0), n >= 0
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, true
	}
	t, err := http.ParseTime(text)
	return t, err == nil
}
