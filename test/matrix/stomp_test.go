package matrix

import (
	"context"
	"fmt"
	"testing"
)

// stompLink is a link to RabbitMQ's STOMP plugin. Its queues are those of AMQP: the test reaches them by that.
func stompLink(t testing.TB) (l *link, adapter string) {
	addr := env("HUB_TEST_STOMP", "127.0.0.1:61613")
	reachable(t, "STOMP", addr)
	l = newLink(t, "", addr)
	return l, fmt.Sprintf("{type: stomp, url: %q}", "stomp://guest:guest@"+l.addr)
}

func stompSource(t testing.TB, c *cell) source {
	r := newRabbit(t)
	queue := c.name + ".in"
	r.queue(t, queue)
	l, adapter := stompLink(t)
	return source{adapter: adapter, from: fmt.Sprintf("{in: /queue/%s}", queue), link: l,
		put: func(ctx context.Context, ids []string) error { return r.put(ctx, queue, ids) }}
}

func stompTarget(t testing.TB, c *cell) target {
	r := newRabbit(t)
	queue := c.name + ".out"
	r.queue(t, queue)
	l, adapter := stompLink(t)
	return target{adapter: adapter, step: fmt.Sprintf("send: {out: /queue/%s}", queue), link: l, count: r.arrivals(t, queue).count}
}
