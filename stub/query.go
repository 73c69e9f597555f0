package stub

import "slices"

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
		found = append(found, mail{Number: e.number, Effect: e.Effect, raw: e.raw})
	}
	return found
}
