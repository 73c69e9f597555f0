package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// heartbeatRequest tells the group's coordinator that a member is alive, in version 2 of the protocol. The library's own request goes to any broker.
type heartbeatRequest struct {
	client, group string
	share         *share
}

// heartbeatAnswer is what the coordinator says to it.
type heartbeatAnswer struct{ code kafka.Error }

var (
	_ protocol.GroupMessage = (*heartbeatRequest)(nil)
	_ protocol.RawExchanger = (*heartbeatRequest)(nil)
)

func (*heartbeatRequest) ApiKey() protocol.ApiKey                 { return protocol.Heartbeat }
func (*heartbeatAnswer) ApiKey() protocol.ApiKey                  { return protocol.Heartbeat }
func (*heartbeatRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// Group makes the library ask the coordinator.
func (h *heartbeatRequest) Group() string { return h.group }

var errHeartbeat = errors.New("the broker's answer to a heartbeat can't be read")

// RawExchange writes the request and reads its answer.
func (h *heartbeatRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := frame(nil, protocol.Heartbeat, 2, h.client)
	b = appendText(b, h.group)
	b = binary.BigEndian.AppendUint32(b, uint32(h.share.generation))
	w, err := exchange(rw, appendText(b, h.share.member))
	if err != nil {
		return nil, err
	}
	w.int32() // throttled
	a := &heartbeatAnswer{kafka.Error(w.int16())}
	if w.bad {
		return nil, errHeartbeat
	}
	return a, nil
}

func (l *link) heartbeat(ctx context.Context, group string, s *share) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.transport.RoundTrip(ctx, l.addr, &heartbeatRequest{client: l.name, group: group, share: s})
	if err != nil {
		return err
	}
	if code := r.(*heartbeatAnswer).code; code != 0 {
		return code
	}
	return nil
}

// beat tells the group that we are alive until ctx is done, also while handlers drain. It ends the generation when the group is rebalanced,
// and when it has gone on without us: by what it says, or because it heard nothing for so long.
func (g *generation) beat(ctx context.Context) {
	heard := g.env.Clock.Now()
	for {
		t := g.env.Clock.Timer(g.times.heartbeat)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return
		}
		err := g.link.heartbeat(ctx, g.Source.group, g.share)
		switch now := g.env.Clock.Now(); {
		case ctx.Err() != nil:
			return
		case err == nil:
			heard = now
		case isCode(err, kafka.RebalanceInProgress):
			heard = now
			g.stop(nil)
		case isCode(err, outCodes...), now.Sub(heard) >= g.times.session:
			g.env.Log.Warn("the group has gone on without this member, its partitions are others' now", "topic", g.topic, "group", g.Source.group, "error", err)
			g.expel()
			return
		}
	}
}
