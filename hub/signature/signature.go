package signature

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Signature is a form with its keys. It is safe for several goroutines.
type Signature struct {
	Form
	keys                               []Key
	webhookID                          string
	place, signed, stamp, id, cert, in template
	parts                              []part
	timed                              bool // a time is signed
	proven                             bool // the ID is signed
}

// part is how one value of Written begins and ends.
type part struct{ before, name, after string }

const (
	maxSignatures = 10
	maxText       = 4 << 10 // of what holds a signature
	maxID         = 255
	maxItems      = 1000
)

// New reads options. The error tells what is wrong with them.
func New(o *Options) (*Signature, error) {
	form, err := o.form()
	if err != nil {
		return nil, err
	}
	s := &Signature{Form: form, webhookID: o.WebhookID}
	if err := s.parse(); err != nil {
		return nil, err
	}
	switch {
	case len(o.HMAC) > 0 && len(o.Key) > 0:
		return nil, errors.New("hmac and key exclude each other")
	case len(o.Key) > 0 && !s.paired():
		return nil, fmt.Errorf("%s signs with a secret: give it as hmac, or say the algorithm of the key", s.Algorithm)
	case s.signed.has("webhook_id") && o.WebhookID == "":
		return nil, fmt.Errorf("%s signs the webhook's ID: add webhook_id, as the vendor shows it", s.Name)
	case s.paired():
		if len(o.Key) == 0 && s.Cert == "" {
			return nil, fmt.Errorf("%s needs the sender's key: add key", s.Algorithm)
		}
		if s.keys, err = pairKeys(s.Algorithm, o.Key); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		return s, nil
	case len(o.HMAC) == 0:
		return nil, fmt.Errorf("%s needs a secret: add hmac", s.Algorithm)
	}
	secrets, err := Secrets(o.HMAC, secretForms[s.KeyEncoding])
	if err != nil {
		return nil, fmt.Errorf("hmac: %w", err)
	}
	for _, secret := range secrets {
		s.keys = append(s.keys, Key{secret: secret})
	}
	return s, nil
}

// parse reads the templates.
func (s *Signature) parse() (err error) {
	for _, t := range []struct {
		name, text string
		to         *template
	}{{"signature", s.Form.Signature, &s.place}, {"signed", s.Signed, &s.signed}, {"time", s.Time, &s.stamp}, {"id", s.ID, &s.id},
		{"digest", s.Digest, &s.in}, {"cert", s.Cert, &s.cert}} {
		if *t.to, err = parseTemplate(t.text); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if s.place.only() == "" {
		return fmt.Errorf("signature: %q is no place; write {header.X-Signature}", s.Form.Signature)
	}
	named, err := s.parseParts()
	s.timed = s.signed.has("time")
	switch {
	case err != nil:
		return err
	case !named["signature"]:
		return fmt.Errorf("form: %q has no {signature}", s.Written)
	case s.timed && s.Time == "" && !named["time"]:
		return errors.New("a time is signed, and nothing says where it stands: add time: '{header.NAME}'")
	case s.signed.has("id") && s.ID == "" && !named["id"]:
		return errors.New("an id is signed, and nothing says where it stands: add id: '{header.NAME}'")
	}
	s.proven = s.covers()
	s.MaxAge = cmp.Or(s.MaxAge, defaultMaxAge)
	return nil
}

// parseParts reads how the signature is written, and finds what its parts name.
func (s *Signature) parseParts() (named map[string]bool, err error) {
	texts := []string{s.Written}
	if s.Separator != "" {
		texts = strings.Split(s.Written, s.Separator)
	}
	named = map[string]bool{}
	for _, text := range texts {
		before, inner, _ := strings.Cut(text, "{")
		name, after, ok := strings.Cut(inner, "}")
		if !ok || strings.Contains(after, "{") || name != "signature" && name != "time" && name != "id" {
			return nil, fmt.Errorf("form: %q is no part of it; write {signature}, {time} or {id} once in each, and as separator what stands between them", text)
		}
		s.parts, named[name] = append(s.parts, part{before, name, after}), true
	}
	return named, nil
}

// covers tells whether all that the ID is made of is signed.
func (s *Signature) covers() bool {
	if s.signed.has("id") {
		return true
	}
	for _, seg := range s.id {
		whole := s.signed.has("body") && (strings.HasPrefix(seg.place, "body.") || strings.HasPrefix(seg.place, "form."))
		address := s.signed.has("url") && strings.HasPrefix(seg.place, "query.")
		if seg.place != "" && !whole && !address && !s.signed.has(seg.place) {
			return false
		}
	}
	return true
}

// Headers are the names of the headers that hold the signature, the time and the ID, each "" where it is none.
func (s *Signature) Headers() (signature, stamp, id string) {
	return s.place.header(), s.stamp.header(), s.id.header()
}
