package broker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
)

// Requests are the requests that wait for their replies, each by the token that its reply comes back with. A token is new at each attempt,
// so that the reply to an earlier attempt is not taken for the reply to this one. The zero value is ready for use.
type Requests[T any] struct {
	mu      sync.Mutex
	waiting map[string]chan<- T
}

// Expect begins to wait for the reply with the token; it comes by the channel. The caller ends the waiting with forget.
func (q *Requests[T]) Expect(token string) (reply <-chan T, forget func()) {
	ch := make(chan T, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[string]chan<- T{}
	}
	q.waiting[token] = ch
	return ch, func() { q.take(token) }
}

// Answer gives a reply to who waits for it. False: nobody does, because the caller has gone or it is the second reply.
func (q *Requests[T]) Answer(token string, reply T) bool {
	ch := q.take(token)
	if ch == nil {
		return false
	}
	ch <- reply
	return true
}

func (q *Requests[T]) take(token string) chan<- T {
	q.mu.Lock()
	defer q.mu.Unlock()
	ch := q.waiting[token]
	delete(q.waiting, token)
	return ch
}

// Late counts the replies that reached nobody, and tells the log of them: once for each cause, then how many more there were.
type Late struct {
	n    atomic.Uint64
	told hub.Repeats[string] // by the place, or by why a reply can't be sent there
}

// Count is their number.
func (l *Late) Count() uint64 { return l.n.Load() }

// Drop tells that m, a reply or the request that it answers, came by place and reaches nobody; err: because it can't be sent.
func (l *Late) Drop(log *slog.Logger, to hub.Refuser, m *hub.Message, place string, err error, attrs ...any) {
	l.n.Add(1)
	if to != nil {
		to.Refused(hub.LateReply(m, place))
	}
	cause, now := place, time.Now()
	if err != nil {
		cause = hub.AsError(err).Reason
		attrs = append(slices.Clone(attrs), "error", err)
	}
	l.More(log, now, false)
	if l.told.First(cause, now) {
		log.Warn("reply dropped: nobody waits for it any more", append(attrs,
			"event", "late_reply", "place", place, "message", m.ID, "correlation", m.Correlation)...)
	}
}

// More tells how many more there were of what was told of a minute ago; all: however long ago.
func (l *Late) More(log *slog.Logger, now time.Time, all bool) {
	l.told.More(now, all, func(cause string, more int) {
		log.Warn("more replies dropped: hub refused", "event", "late_reply", "place", cause, "count", more)
	})
}

// Asking is m as it is asked within ctx: it expires when nobody waits for its reply any more.
func Asking(ctx context.Context, clock hub.Clock, m *hub.Message) (*hub.Message, error) {
	now := clock.Now()
	switch {
	case ctx.Err() != nil:
		return nil, hub.GaveUp(ctx, "not sent")
	case !m.Expires.IsZero() && !m.Expires.After(now):
		return nil, hub.NoReply(m)
	}
	ask := *m
	if at, ok := ctx.Deadline(); ok {
		if until := now.Add(max(time.Until(at), time.Millisecond)); ask.Expires.IsZero() || until.Before(ask.Expires) {
			ask.Expires = until
		}
	}
	return &ask, nil
}

// Reply is what who asked m gets of the reply that came: the reply, or the error that it tells of. err: why there is none for the hub.
func Reply(m, reply *hub.Message, err error) (*hub.Message, error) {
	if err != nil {
		return nil, hub.Fail(hub.Rejected, hub.BadResponse, "the reply is refused: %w", err)
	}
	if err := hub.ReplyError(reply.Headers.Get, reply.Body.Bytes()); err != nil {
		return nil, err
	}
	if reply.ID == "" {
		reply.ID = hub.DeriveID(m.ID, "reply")
	}
	reply.Correlation = m.Correlation
	return reply, nil
}

// Replying makes of the answer to m what is sent. When that can't be sent, the requester is told so: its own message is not what is wrong.
func Replying[T any](m, answer *hub.Message, encode func(*hub.Message) (T, error)) (T, error) {
	out, err := encode(answer)
	if err != nil {
		out, err = encode(hub.ErrorReply(m, hub.Fail(hub.Rejected, hub.AsError(err).Reason, "the reply can't be sent: %w", err)))
	}
	return out, err
}
