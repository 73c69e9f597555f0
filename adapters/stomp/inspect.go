package stomp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
)

// Inspect logs in, and reports what this server can't do and which exchanges are missing. It changes nothing. STOMP
// can't ask for a queue without declaring or reading it, nor for a right without using it.
func (a *Adapter) Inspect(ctx context.Context) (findings []string, err error) {
	c, err := a.visit(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	selects, uses := slices.Clone(a.selects), slices.Clone(a.uses)
	a.mu.Unlock()
	if !c.rabbit() {
		return nil, nil
	}
	for _, p := range selects {
		findings = append(findings, p.text+": "+noSelector)
	}
	var queues []string
	asked := map[string]bool{}
	for _, p := range uses {
		switch {
		case p.queue() && !slices.Contains(queues, p.text):
			queues = append(queues, p.text)
		case !p.queue() && !asked[p.exchange]:
			asked[p.exchange] = true
			found, err := a.exchange(ctx, p)
			if err != nil {
				return findings, err
			}
			if found != "" {
				findings = append(findings, found)
			}
		}
	}
	if len(queues) > 0 {
		findings = append(findings, fmt.Sprintf("%s%s: STOMP can't ask whether a queue is there, how it is declared, "+
			"and what the user may do with it; an adapter of type amqp can", hub.Unasked, strings.Join(queues, ", ")))
	}
	return findings, nil
}

// exchange finds out whether the exchange of p is there: it subscribes with a routing key that nobody uses, and leaves.
func (a *Adapter) exchange(ctx context.Context, p place) (finding string, err error) {
	c, err := a.dial(ctx)
	if err != nil {
		return "", err
	}
	c.start(nothing)
	name := strings.ReplaceAll(p.exchange, "/", slash)
	to := "/exchange/" + name + "/hub.inspect." + hub.NewID(time.Now())
	if err = c.send(ctx, newFrame(cmdSubscribe, headerDestination, to, "id", "hub", headerAck, "auto"), nil); err == nil {
		c.leave(newFrame(cmdUnsubscribe, "id", "hub"))
		return "", nil
	}
	c.close()
	switch e := hub.AsError(err); e.Reason {
	case reasonTopology:
		return fmt.Sprintf("%s: %s; declare it at the server, or correct its name", p.text, e.Error()), nil
	case reasonAccess:
		return fmt.Sprintf("%s%s: whether it is there: %s", hub.Unasked, p.text, e.Error()), nil
	}
	return "", err
}
