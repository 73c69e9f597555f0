package idempotent

import (
	"encoding/json"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// headerReplayed marks an answer that was given before.
const headerReplayed = "idempotent-replayed"

// handled is the record of a key: the message that was handled, and what was answered.
type handled struct {
	ID      string          `json:"id"`
	Version json.RawMessage `json:"version,omitempty"`
	Hash    string          `json:"hash,omitempty"` // of what a repeat has in common with it
	Free    bool            `json:"free,omitempty"` // the key was given back: who differs takes it
	Reply   *storedReply    `json:"reply,omitempty"`

	expires time.Time
}

type storedReply struct {
	Headers map[string]string `json:"headers,omitempty"` // the status among them
	Body    []byte            `json:"body,omitempty"`
}

// version is Missing where none was kept.
func (h *handled) version() doc.Value {
	v, err := doc.Parse(h.Version)
	if err != nil {
		return doc.Value{}
	}
	return v
}

// write adds the record to x's unit.
func (h *handled) write(x *hub.Exchange, kind, name string, version int64) {
	raw, err := json.Marshal(h)
	if err != nil {
		panic(err) // texts, bytes and parsed JSON always marshal
	}
	x.Write(hub.Write{Kind: kind, Key: name, Value: raw, IfVersion: version, Expires: h.expires})
}

func replyOf(m *hub.Message) *storedReply {
	if m == nil {
		return nil
	}
	return &storedReply{Headers: m.Headers, Body: m.Body.Bytes()}
}

// replay gives the stored reply once more.
func (h *handled) replay(x *hub.Exchange) {
	if h.Reply == nil {
		return
	}
	m := &hub.Message{ID: hub.DeriveID(x.Msg.ID, "reply"), Correlation: x.Msg.Correlation, Time: x.Now(), Headers: h.Reply.Headers}
	m.Headers = m.Headers.With(headerReplayed, "true")
	if len(h.Reply.Body) > 0 {
		m.Body = hub.NewBody(h.Reply.Body)
	}
	x.Unit.Reply = m
}
