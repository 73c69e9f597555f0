package stub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// keptMails is how many raw mails stay readable; older ones keep their effect only.
const keptMails = 500

var errKeyReused = errors.New("idempotency key reused with another request")

// Ledger records every arrival and every effect. Safe for concurrent use. Whoever opened it closes it.
type Ledger struct {
	mu       sync.Mutex
	effects  []*record
	mails    []*record         // those with a raw mail, newest last
	keys     map[scope]*record // remembered answers
	tries    map[scope]int     // arrivals of a key that has no remembered answer yet
	repeats  map[digest]int    // effects without a key, by request
	refs     map[string]string // ID given out -> order
	counts   map[opKey]int
	arrivals map[opKey]int
	journal  *journal // nil: in memory
}

type digest [16]byte

// MarshalText writes it in hex.
func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (d *digest) UnmarshalText(text []byte) error {
	b, err := hex.AppendDecode(nil, text)
	if err != nil || len(b) != len(d) {
		return fmt.Errorf("hash %q is not 32 hex digits", text)
	}
	*d = digest(b)
	return nil
}

// scope is where an idempotency key is unique.
type scope struct{ service, key string }

// arrival is one request, before anything is decided.
type arrival struct {
	service, op, key string
	hash             digest // of operation, path and body; zero: a repeated key is not compared
}

func (a arrival) scope() scope {
	if a.key == "" {
		return scope{a.service, "\x00" + hex.EncodeToString(a.hash[:])}
	}
	return scope{a.service, a.key}
}

// turn is what a decision may depend on beside the request.
type turn struct {
	try  int    // earlier arrivals of the key that were not remembered
	seed string // of derived IDs: the same for the same key
	refs map[string]string
}

// OpenLedger opens the ledger in the file at path, which is created when missing and is this process's alone; "" keeps it in
// memory. A line cut short by a crash is dropped.
func OpenLedger(path string) (*Ledger, error) {
	l := &Ledger{keys: map[scope]*record{}, tries: map[scope]int{}, repeats: map[digest]int{}, refs: map[string]string{},
		counts: map[opKey]int{}, arrivals: map[opKey]int{}}
	if path == "" {
		return l, nil
	}
	j, err := openJournal(path, l.fold)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	l.journal = j
	return l, nil
}

// Close releases the file; the ledger can still be read.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal == nil {
		return nil
	}
	return l.journal.close()
}

// apply counts the arrival, then replays the remembered answer of its key, or decides and remembers (2xx and 402). decide must
// not block: it runs inside the lock, which is what makes an effect happen once. When it returns the file has the record.
func (l *Ledger) apply(a arrival, decide func(turn) outcome) (out outcome, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sc := a.scope()
	if e := l.keys[sc]; e != nil {
		if e.Hash != a.hash {
			return outcome{}, errors.Join(errKeyReused, l.count(a, nil))
		}
		if err := l.count(a, e); err != nil {
			return outcome{}, err
		}
		return outcome{status: e.Status, body: []byte(e.Answer), header: http.Header{"Idempotent-Replayed": {"true"}}}, nil
	}
	seed := a.key
	if a.key == "" {
		seed = fmt.Sprintf("%x/%d", a.hash, l.repeats[a.hash])
	}
	out = decide(turn{try: l.tries[sc], seed: a.service + "\x00" + seed, refs: l.refs})
	if !out.remembered() {
		return out, l.count(a, nil)
	}
	return out, l.keep(&record{
		Effect: Effect{Time: time.Now().UTC(), Service: a.service, Op: out.op, Key: a.key, Ref: out.ref, Data: out.data, Arrivals: 1},
		Hash:   a.hash, Status: out.status, Answer: string(out.body), Raw: out.raw})
}

// arrive counts a request that can have no effect: a lookup, a quote, one that met a fault.
func (l *Ledger) arrive(a arrival) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count(arrival{service: a.service, op: a.op}, nil)
}

// count adds an arrival without a new effect: of e when it repeats e, else a try of its key.
func (l *Ledger) count(a arrival, e *record) error {
	sc := a.scope()
	r := &record{Arrival: true, Effect: Effect{Service: a.service, Op: a.op}, Refused: e == nil && l.keys[sc] != nil}
	if e != nil || a.key != "" || a.hash != (digest{}) {
		r.Key = sc.key
	}
	return l.keep(r)
}

// keep writes a record, and then makes it true.
func (l *Ledger) keep(r *record) error {
	if l.journal != nil {
		if err := l.journal.write(r); err != nil {
			return err
		}
	}
	l.fold(r)
	return nil
}

// fold makes the ledger what it is behind a record, now or when the file is read.
func (l *Ledger) fold(r *record) {
	op := baseOp(r.Op)
	l.arrivals[opKey{r.Service, op}]++
	if r.Arrival {
		sc := scope{r.Service, r.Key}
		switch e := l.keys[sc]; {
		case r.Key == "" || r.Refused:
		case e != nil:
			e.Arrivals++
		default:
			l.tries[sc]++
		}
		return
	}
	l.effects = append(l.effects, r)
	l.counts[opKey{r.Service, r.Op}]++
	sc := arrival{service: r.Service, key: r.Key, hash: r.Hash}.scope()
	delete(l.tries, sc)
	if r.Key != "" {
		l.keys[sc] = r
	} else {
		l.repeats[r.Hash]++
	}
	if id := r.Get("id"); id != "" && r.Ref != "" {
		l.refs[id] = r.Ref
	}
	if r.Service == "mail" {
		r.number = l.counts[opKey{r.Service, r.Op}]
		l.mails = append(l.mails, r)
		if len(l.mails) > keptMails {
			l.mails[0].Raw = nil
			l.mails = l.mails[1:]
		}
	}
}

// hashOf is the identity of a request: the same operation on the same path with the same bytes.
func hashOf(op, path string, body []byte) (d digest) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", op, path)
	h.Write(body)
	copy(d[:], h.Sum(nil))
	return d
}

// derive makes an ID that is the same for the same seed.
func derive(prefix, seed string) string {
	sum := sha256.Sum256([]byte(prefix + "\x00" + seed))
	return prefix + hex.EncodeToString(sum[:8])
}

// mustJSON encodes the stub's own answers, which are all encodable.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("stub: encode %T: %v", v, err))
	}
	return b
}

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

func (q Query) match(e *record) bool {
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

// Effects gives the effects of an operation in the order they happened; an empty service or op matches all.
func (l *Ledger) Effects(service, op string) []Effect {
	return l.Select(Query{Service: service, Op: op})
}

// Select gives the effects that match, in the order they happened.
func (l *Ledger) Select(q Query) []Effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Effect{}
	for _, e := range slices.Backward(l.effects) {
		if q.Last > 0 && len(found) == q.Last {
			break
		}
		if q.match(e) {
			found = append(found, e.Effect)
		}
	}
	slices.Reverse(found)
	return found
}

// Count is the number of effects; an empty service or op matches all.
func (l *Ledger) Count(service, op string) int { return l.total(l.counts, service, op) }

// Arrivals is the number of requests that arrived, whatever came of them. op is the operation asked for: "charge" includes
// the declined and the replayed.
func (l *Ledger) Arrivals(service, op string) int { return l.total(l.arrivals, service, op) }

func (l *Ledger) total(of map[opKey]int, service, op string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, v := range of {
		if k.match(service, op) {
			n += v
		}
	}
	return n
}

// mail is one accepted mail, as the pages show it.
type mail struct {
	Number int
	Effect
	raw []byte
}

// lastMails gives the readable mails, oldest first.
func (l *Ledger) lastMails() []mail {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make([]mail, 0, len(l.mails))
	for _, e := range l.mails {
		found = append(found, mail{Number: e.number, Effect: e.Effect, raw: e.Raw})
	}
	return found
}
