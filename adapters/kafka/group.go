package kafka

import (
	"context"
	"net"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

// times are the intervals of sources; tests make them shorter.
type times struct {
	heartbeat time.Duration // how soon a member hears of a rebalance
	session   time.Duration // a member that is silent for so long is dead, and others take its partitions
	rebalance time.Duration // how long the group waits for members that finish their work
	drain     time.Duration // after that, handlers are told to give up
	commit    time.Duration
	watch     time.Duration // how soon new partitions, and a new topic of the old name, are seen
	leave     time.Duration // patience for a clean farewell
}

var usualTimes = times{
	heartbeat: time.Second, session: 10 * time.Second, rebalance: 30 * time.Second, drain: 20 * time.Second,
	commit: time.Second, watch: 5 * time.Second, leave: 5 * time.Second,
}

// group is our membership of a consumer group.
type group struct {
	members *kafka.ConsumerGroup
	conns   *connections
	leave   time.Duration
}

func (s *Source) join() (*group, error) {
	a, t := s.adapter, s.times
	conns := &connections{dial: a.dial, open: map[*connection]bool{}}
	start := kafka.FirstOffset // positions are looked up by us
	members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: s.group, Brokers: a.brokers, Topics: []string{s.topic}, StartOffset: start,
		Dialer:            &kafka.Dialer{ClientID: a.cfg.ClientID, DialFunc: conns.Dial, Timeout: a.cfg.DialTimeout, TLS: a.tls, SASLMechanism: a.sasl},
		HeartbeatInterval: t.heartbeat, SessionTimeout: t.session, RebalanceTimeout: t.rebalance, Timeout: a.cfg.Timeout,
		JoinGroupBackoff: 500 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	return &group{members, conns, t.leave}, nil
}

// patientCodes are answers of a group that is busy with itself.
var patientCodes = []kafka.Error{
	kafka.RebalanceInProgress, kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.MemberIDRequired,
	kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
}

// next waits for our part in the group's next generation.
func (g *group) next(ctx context.Context) (*kafka.Generation, error) {
	for try := 0; ; try++ {
		gen, err := g.members.Next(ctx)
		if err == nil || ctx.Err() != nil || try == 20 || !isCode(err, patientCodes...) {
			return gen, err
		}
	}
}

// close leaves the group. While others are rebalancing the broker answers late; then the connections are cut, and the broker finds out by itself.
func (g *group) close() {
	done := make(chan struct{})
	go func() {
		g.members.Close()
		close(done)
	}()
	t := time.NewTimer(g.leave)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		g.conns.close()
		<-done
	}
}

// connections are those of the group, to cut them: the library waits for the broker's answer.
type connections struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	open   map[*connection]bool
	closed bool
}

type connection struct {
	net.Conn
	of *connections
}

func (c *connections) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &connection{raw, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		raw.Close()
		return nil, net.ErrClosed
	}
	c.open[conn] = true
	return conn, nil
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		conn.Conn.Close()
	}
}

// Close forgets the connection, too.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
