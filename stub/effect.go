package stub

import (
	"encoding/json"
	"strings"
	"time"
)

// Effect is one thing that happened at a partner: money moved, a parcel booked, a mail accepted. Op is the operation
// ("charge"); an answer that is remembered but did nothing has the reason behind a dot ("charge.declined"), so that
// counting "charge" counts money that moved.
type Effect struct {
	Time     time.Time       `json:"time,omitzero"`
	Service  string          `json:"service"`
	Op       string          `json:"op"`
	Key      string          `json:"key,omitempty"`    // Idempotency-Key, Message-ID for mail, "" without one
	Ref      string          `json:"ref,omitempty"`    // order ID, else what the request named (charge, shipment, Message-ID)
	Data     json.RawMessage `json:"effect,omitempty"` // a JSON object; read-only
	Arrivals int             `json:"arrivals"`         // requests that carried the key and were answered by this effect, the first included
}

// Get gives one field of Data: strings without quotes, everything else as its JSON text (numbers exact), "" when absent.
func (e Effect) Get(field string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(e.Data, &all) != nil {
		return ""
	}
	var s string
	if json.Unmarshal(all[field], &s) == nil {
		return s
	}
	return string(all[field])
}

// Query selects effects; an empty field matches everything.
type Query struct {
	Service string
	Op      string
	Ref     string
	Last    int // only the newest n; 0: all
}

func (q Query) match(e *entry) bool {
	return (q.Service == "" || q.Service == e.Service) && (q.Op == "" || q.Op == e.Op) && (q.Ref == "" || q.Ref == e.Ref)
}

// opKey names one counter.
type opKey struct{ service, op string }

func (k opKey) match(service, op string) bool {
	return (service == "" || service == k.service) && (op == "" || op == k.op)
}

// baseOp is the operation that was asked for: "charge" of "charge.declined".
func baseOp(op string) string {
	base, _, _ := strings.Cut(op, ".")
	return base
}
