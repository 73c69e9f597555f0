package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

var encode = map[string]func([]byte) string{"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString, "base64url": base64.RawURLEncoding.EncodeToString}

// Sign gives the headers and the fields of the query that prove r to whoever checks the same form.
func (s *Signature) Sign(r *Request, now time.Time) (headers http.Header, query url.Values, err error) {
	if err := s.Signs(); err != nil {
		return nil, nil, err
	}
	headers, query = http.Header{}, url.Values{}
	set := func(place, value string) {
		if name, ok := strings.CutPrefix(place, "header."); ok {
			headers.Set(name, value)
		} else if name, ok := strings.CutPrefix(place, "query."); ok {
			query.Set(name, value)
		}
	}
	at := &scope{Request: r, known: map[string]string{"webhook_id": s.webhookID, "time": strconv.FormatInt(now.Unix(), 10)}}
	if s.ID != "" {
		if at.known["id"] = s.id.text(at); at.known["id"] == "" {
			at.known["id"] = "msg_" + hub.NewID(now)
			set(s.id.only(), at.known["id"])
		}
	}
	if s.Time != "" {
		set(s.stamp.only(), at.known["time"])
	}
	text, _ := s.signed.render(at)
	sig, err := s.keys[0].sign(s.Algorithm, text)
	if err != nil {
		return nil, nil, err
	}
	set(s.place.only(), strings.NewReplacer("{time}", at.known["time"], "{id}", at.known["id"], "{signature}", encode[s.Encoding](sig)).Replace(s.Written))
	return headers, query, nil
}

// Signs tells why the form can't be made here; nil: it can.
func (s *Signature) Signs() error {
	kind, _, _ := strings.Cut(s.place.only(), ".")
	switch {
	case s.Each != "" || kind != "header" && kind != "query":
		return fmt.Errorf("%s signs within the body: write it there with a formula, such as hmac", s.Name)
	case len(s.keys) == 0 || s.keys[0].public != nil && s.keys[0].signer == nil:
		return fmt.Errorf("%s is made with a private key: give it as key", s.Algorithm)
	}
	return nil
}
