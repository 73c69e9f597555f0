package stub

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Fault makes matching requests fail or wait. Without Down it lasts for Times requests, with Times 0 until Faults.Clear.
type Fault struct {
	Service string        // "": every service
	Op      string        // "": every operation
	Status  int           // answer this, 400 to 599; mail answers it as an SMTP code
	Times   int           // this many requests, then it is over
	Delay   time.Duration // wait before answering
	Down    time.Duration // for so long, close connections without an answer
	After   bool          // the effect happens first, then the answer is lost: the hardest case for a caller
}

type faultJSON struct {
	Service string `json:"service,omitempty"`
	Op      string `json:"op,omitempty"`
	Status  int    `json:"status,omitempty"`
	Times   int    `json:"times,omitempty"`
	Delay   string `json:"delay,omitempty"`
	Down    string `json:"down,omitempty"`
	After   bool   `json:"after,omitempty"`
}

// MarshalJSON writes the durations as text: "1.5s".
func (f Fault) MarshalJSON() ([]byte, error) {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(faultJSON{f.Service, f.Op, f.Status, f.Times, text(f.Delay), text(f.Down), f.After})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var raw faultJSON
	if err := decodeStrict(b, &raw); err != nil {
		return err
	}
	*f = Fault{Service: raw.Service, Op: raw.Op, Status: raw.Status, Times: raw.Times, After: raw.After}
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"delay", raw.Delay, &f.Delay}, {"down", raw.Down, &f.Down}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.into, err = time.ParseDuration(d.text); err != nil || *d.into < 0 {
			return fmt.Errorf("%s: %q is not a duration such as \"100ms\" or \"30s\"", d.name, d.text)
		}
	}
	return nil
}

func (f Fault) check() error {
	switch {
	case f.Status == 0 && f.Delay == 0 && f.Down == 0:
		return fmt.Errorf("a fault needs a status, a delay or down")
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status %d: a fault answers 400 to 599", f.Status)
	case f.Times < 0:
		return fmt.Errorf("times %d: send 0 (until cleared) or more", f.Times)
	}
	return nil
}

// fails tells whether the caller gets no good answer.
func (f Fault) fails() bool { return f.Down > 0 || f.Status > 0 }

// Faults are the faults in force. The zero value is ready; safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	active []*activeFault
}

type activeFault struct {
	Fault
	left  int
	until time.Time
}

// Add puts a fault in force, behind those that are.
func (fs *Faults) Add(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	a := &activeFault{Fault: f, left: f.Times}
	if f.Down > 0 {
		a.until = time.Now().Add(f.Down)
	}
	fs.active = append(fs.active, a)
	return nil
}

// Clear ends all faults.
func (fs *Faults) Clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.active = nil
}

// List gives the faults in force, oldest first, with the times that are left.
func (fs *Faults) List() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.prune()
	list := make([]Fault, 0, len(fs.active))
	for _, a := range fs.active {
		f := a.Fault
		f.Times = a.left
		list = append(list, f)
	}
	return list
}

func (fs *Faults) prune() {
	now := time.Now()
	fs.active = slices.DeleteFunc(fs.active, func(a *activeFault) bool {
		return (a.Times > 0 && a.left == 0) || (!a.until.IsZero() && now.After(a.until))
	})
}

// take gives the fault that the next request meets (the zero Fault: none) and counts it. A nil only asks for any.
func (fs *Faults) take(service, op string, only func(Fault) bool) Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.active) == 0 {
		return Fault{}
	}
	fs.prune()
	for _, a := range fs.active {
		if (a.Service == "" || a.Service == service) && (a.Op == "" || a.Op == op) {
			if only != nil && !only(a.Fault) {
				return Fault{}
			}
			if a.Times > 0 {
				a.left--
			}
			return a.Fault
		}
	}
	return Fault{}
}
