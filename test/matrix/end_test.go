package matrix

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
)

// source is the side of a cell that its pipeline reads.
type source struct {
	adapter string // the adapter `in` of the configuration
	from    string // the pipeline's `from`
	reply   bool   // somebody waits for an answer
	link    *link  // nil: there is none
	// put leaves messages with the far end, for good. An error means that it can't be told; then they are put again.
	put func(ctx context.Context, ids []string) error
}

// target is the side of a cell that its pipeline sends to.
type target struct {
	adapter string // the adapter `out` of the configuration
	step    string
	retry   string // the retry policy of the step; "": soon
	link    *link
	parks   bool // what may have arrived becomes a dead letter; else it is sent again
	// count is how often each message has arrived so far.
	count func() (map[string]int, error)
}

// kinds of sources and targets, in the order of the table. Each makes a far end of its own for a cell, which goes with t.
var (
	sources = []struct {
		name string
		make func(t testing.TB, c *cell) source
	}{
		{"http-server", httpSource}, {"files", filesSource}, {"amqp", amqpSource}, {"kafka", kafkaSource},
		{"stomp", stompSource}, {"sql", sqlSource},
	}
	targets = []struct {
		name string
		make func(t testing.TB, c *cell) target
	}{
		{"amqp", amqpTarget}, {"kafka", kafkaTarget}, {"stomp", stompTarget}, {"http-client", httpTarget},
		{"files", filesTarget}, {"smtp", smtpTarget}, {"sql", sqlTarget},
	}
)

// body is the message of an ID.
func body(id string) []byte { return fmt.Appendf(nil, `{"id":%q,"pad":"%0200d"}`, id, 0) }

// tally counts what arrives.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

// add counts one arrival. One that the far end itself repeats counts only when it is the first.
func (c *tally) add(id string, repeated bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !repeated || c.n[id] == 0 {
		c.n[id]++
	}
}

func (c *tally) count() (map[string]int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n), nil
}
