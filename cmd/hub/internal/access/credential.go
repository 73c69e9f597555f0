package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// kind is of the records that credentials are kept in, each by the hash of what is shown: who reads the store can't log in with what stands there.
const kind = "credential"

// Prefix is what each token begins with, so that people and scanners know one where they see it.
const Prefix = "hub_"

// credential is what somebody shows to be known by: a token, or the session of a browser.
type credential struct {
	Name      string     `json:"name"`
	Role      trust.Role `json:"role,omitempty"`      // of a token
	Pipelines []string   `json:"pipelines,omitempty"` // likewise, that alone it is good for
	Groups    []string   `json:"groups,omitempty"`    // of somebody whom a provider named
	Session   bool       `json:"session,omitempty"`   // of a browser
	Token     string     `json:"token,omitempty"`     // hash of the token that the session was opened with, and ends with
	By        string     `json:"by,omitempty"`        // who gave the token
	Made      time.Time  `json:"made"`
	Expires   time.Time  `json:"expires,omitzero"` // zero: never
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// write makes a secret that nobody can guess, and the write that makes the store know c by its hash.
func (c *credential) write() (secret string, w hub.Write) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	secret = Prefix + base64.RawURLEncoding.EncodeToString(b[:])
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // of texts and times
	}
	return secret, hub.Write{Kind: kind, Key: hashOf(secret), Value: raw, Expires: c.Expires}
}

// find is the credential with a hash; nil: there is none, or its time is over.
func find(ctx context.Context, st hub.Records, hash string) (*credential, error) {
	rec, err := st.Get(ctx, kind, hash)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &credential{}
	return c, json.Unmarshal(rec.Value, c)
}

// credentials are those that are good now, with the writes that delete them.
func credentials(ctx context.Context, st hub.Records) (list []*credential, revokes []hub.Write, err error) {
	const page = 500
	var recs []hub.Record
	for after := ""; ; after = recs[len(recs)-1].Key {
		if recs, err = st.List(ctx, kind, "", after, page); err != nil {
			return nil, nil, err
		}
		for _, rec := range recs {
			c := &credential{}
			if err := json.Unmarshal(rec.Value, c); err != nil {
				return nil, nil, err
			}
			list, revokes = append(list, c), append(revokes, hub.Write{Kind: kind, Key: rec.Key, IfVersion: hub.AnyVersion})
		}
		if len(recs) < page {
			return list, revokes, nil
		}
	}
}
