package kafka

import (
	"context"
	"sync"
	"sync/atomic"

	kafka "github.com/segmentio/kafka-go"
	"orderhub/hub"
	"orderhub/hub/broker"
)

// generation is our part of the topic until the group is rebalanced.
type generation struct {
	*run
	share  *share
	intake *broker.Intake[*job]
	work   context.Context    // of handlers
	giveUp context.CancelFunc // ends it
	parts  []*partition
	enough hub.Signal // many records are finished: commit now

	fetching context.Context // its end stops fetching
	stop     context.CancelCauseFunc
	readers  sync.WaitGroup

	seen *topicState // the topic has changed; written by watch, read after the readers have ended
	gone atomic.Bool // it is another topic now
}

// manyRecords is the number of finished records after which positions are committed at once.
const manyRecords = 1000

// generation reads our partitions. It returns nil when the group is rebalanced or the context of Run is done, and otherwise what failed.
func (r *run) generation(s *share) error {
	g := &generation{run: r, share: s, enough: hub.NewSignal()}
	g.fetching, g.stop = context.WithCancelCause(r.ctx)
	defer g.stop(nil)
	g.work, g.giveUp = context.WithCancel(context.WithoutCancel(r.ctx))
	defer g.giveUp()
	beating, end := context.WithCancel(context.WithoutCancel(r.ctx))
	var heart sync.WaitGroup
	heart.Go(func() { g.beat(beating) })
	defer heart.Wait()
	defer end()
	if err := g.assign(); err != nil {
		if g.fetching.Err() != nil {
			return nil // the group, or Run, went on meanwhile
		}
		return err
	}
	g.begin()
	for _, p := range g.parts {
		g.readers.Go(func() {
			if err := p.read(g.fetching); err != nil {
				g.stop(err)
			}
		})
	}
	g.readers.Go(func() {
		if err := g.watch(); err != nil {
			g.stop(err)
		}
	})
	g.tend()
	err := context.Cause(g.fetching)
	if err == context.Canceled || r.ctx.Err() != nil {
		err = nil
	}
	if e := g.settle(); err == nil {
		err = e
	}
	if g.seen != nil {
		r.state = *g.seen
	}
	return err
}

// expel ends the generation because the group has gone on without us: handlers give up at once.
func (g *generation) expel() {
	g.stop(nil)
	g.giveUp()
}

// assign looks up where our partitions are to be read from.
func (g *generation) assign() error {
	ids := g.share.partitions
	if len(ids) == 0 {
		return nil
	}
	marks, err := g.link.committed(g.fetching, g.Source.group, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		m, ok := marks[id]
		if !ok {
			m.offset = -1
		}
		position, err := g.beginAt(g.fetching, id, m)
		if err != nil {
			return err
		}
		if m.offset > position { // on_lost went back
			m.offset = -1
		}
		g.parts = append(g.parts, &partition{generation: g, id: id, track: newTracker(position, m.offset)})
	}
	return nil
}

// tend commits finished positions from time to time, until fetching stops.
func (g *generation) tend() {
	for hub.Await(g.fetching, g.env.Clock, g.times.commit, g.enough) {
		if err := g.commit(g.fetching); err != nil {
			g.stop(err)
		}
	}
	g.readers.Wait()
}

// commit writes the positions that have moved. When the group is being rebalanced, or has gone on without us, that is
// no failure but ends the generation.
func (g *generation) commit(ctx context.Context) error {
	positions := map[int]int64{}
	for _, p := range g.parts {
		if at, ok := p.track.due(); ok || g.gone.Load() { // the brokers forgot the positions of a topic that was deleted: they are told again, with its ID
			positions[p.id] = at
		}
	}
	if len(positions) == 0 {
		return nil
	}
	switch err := g.link.commit(ctx, g.Source.group, g.share, g.state.id, positions); {
	case isCode(err, outCodes...):
		g.expel()
		return nil
	case isCode(err, kafka.RebalanceInProgress):
		g.stop(nil)
		return nil
	case isCode(err, movedCodes...): // tried again
		return nil
	case err != nil:
		return err
	}
	for _, p := range g.parts {
		if at, ok := positions[p.id]; ok {
			p.track.commit(at)
		}
	}
	return nil
}

// settle waits for the handlers that run, and commits what they finished. When the group waits for us, handlers are told to give up after a while;
// when it has gone on without us, at once. What they don't finish comes again, here or elsewhere.
func (g *generation) settle() error {
	work := context.WithoutCancel(g.ctx)
	idle := g.intake.Stop()
	drain := g.env.Clock.Timer(g.times.drain)
	defer drain.Stop()
	patience := drain.C()
	if g.ctx.Err() != nil { // Run is ending: handlers may finish
		patience = nil
	}
	for waiting := true; waiting; {
		t := g.env.Clock.Timer(g.times.commit)
		select {
		case <-idle:
			waiting = false
		case <-patience:
			g.giveUp()
			patience = nil
		case <-t.C():
			_ = g.commit(work) // tried again below
		}
		t.Stop()
	}
	if err := g.commit(work); err != nil {
		g.env.Log.Info("positions not committed, their records come again", "topic", g.topic, "group", g.Source.group, "error", err)
		if g.ctx.Err() == nil {
			return err
		}
	}
	return nil
}
