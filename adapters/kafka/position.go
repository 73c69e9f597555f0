package kafka

import (
	"context"
	"errors"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// beginAt is where a partition is read from, given what the group has committed.
func (r *run) beginAt(ctx context.Context, partition int, m mark) (int64, error) {
	if m.offset >= 0 {
		return r.lost(ctx, partition, m)
	}
	log, err := r.span(ctx, partition)
	if err != nil {
		return 0, err
	}
	last := r.cfg.Start == startLast
	if r.anew {
		last = r.cfg.OnLost == lostLatest
	}
	if last {
		return log.end, nil
	}
	return log.first, nil
}

// lost is the position itself if the log still has it, else where on_lost says to go on.
func (r *run) lost(ctx context.Context, partition int, m mark) (int64, error) {
	log, err := r.span(ctx, partition)
	if err != nil {
		return 0, err
	}
	other := m.topic != "" && r.state.id != "" && m.topic != r.state.id && len(m.topic) == len(r.state.id)
	if !other && m.offset >= log.first && m.offset <= log.end {
		return m.offset, nil
	}
	switch r.cfg.OnLost {
	case lostEarliest, lostLatest:
		to := log.first
		if r.cfg.OnLost == lostLatest {
			to = log.end
		}
		r.env.Log.Warn("position lost", "topic", r.topic, "partition", partition, "offset", m.offset, "log_start", log.first, "log_end", log.end,
			"on_lost", r.cfg.OnLost, "goes_on_at", to)
		return to, nil
	}
	switch {
	case other:
		return 0, r.recreated()
	case m.offset < log.first:
		return 0, decide("topic %s, partition %d: offset %d lost, log starts at %d; set on_lost: earliest or latest", r.topic, partition, m.offset, log.first)
	}
	return 0, decide("topic %s, partition %d: offset %d lost, log ends at %d: the topic was made anew or cut; set on_lost: earliest or latest",
		r.topic, partition, m.offset, log.end)
}

// span asks for the ends of a partition's log.
func (r *run) span(ctx context.Context, partition int) (log span, err error) {
	err = r.patient(ctx, func() error {
		log, err = r.link.span(ctx, partition)
		return err
	})
	return log, err
}

// movedCodes are answers while a partition is new, or changes its leader.
var movedCodes = []kafka.Error{
	kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.ReplicaNotAvailable, kafka.UnknownLeaderEpoch, kafka.FencedLeaderEpoch,
	kafka.OffsetNotAvailable, kafka.KafkaStorageError, kafka.BrokerNotAvailable, kafka.UnknownTopicOrPartition,
}

// moved tells whether err may pass when the brokers, or the library's view of them, have settled.
func moved(err error) bool {
	return isCode(err, movedCodes...) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) || errors.Is(err, protocol.ErrNoLeader)
}

// patient asks again for 10 s while a partition changes its leader.
func (r *run) patient(ctx context.Context, ask func() error) error {
	for try := 0; ; try++ {
		err := ask()
		if err == nil || try == 40 || !moved(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-r.after(250*time.Millisecond, ctx.Done()):
		}
	}
}

// watch looks for new partitions, which end the generation, and for a new topic of the same name, which is an error.
func (g *generation) watch() error {
	for {
		select {
		case <-g.fetching.Done():
			return nil
		case <-g.after(g.times.watch, g.fetching.Done()):
		}
		now, err := g.link.state(g.fetching)
		switch {
		case g.fetching.Err() != nil:
			return nil
		case err != nil: // fetches tell when the brokers are away
		case !now.there():
			return noTopic(g.topic)
		case now.id != g.state.id:
			g.seen = &now
			g.gone.Store(true)
			if err := g.sameTopic(now); err != nil {
				return err
			}
			g.stop(nil)
		case now.partitions != g.state.partitions:
			g.env.Log.Info("partitions changed", "topic", g.topic, "were", g.state.partitions, "are", now.partitions)
			g.seen = &now
			g.stop(nil)
		}
	}
}

// after is closed after d; the timer ends early when stop is closed.
func (r *run) after(d time.Duration, stop <-chan struct{}) <-chan struct{} {
	t := r.env.Clock.Timer(d)
	done := make(chan struct{})
	go func() {
		defer t.Stop()
		select {
		case <-t.C():
			close(done)
		case <-stop:
		}
	}()
	return done
}
