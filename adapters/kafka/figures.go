package kafka

import (
	"context"
	"slices"
	"strconv"

	"orderhub/hub/figures"
)

// Figures tells how far the groups of the sources are behind the ends of their partitions.
func (a *Adapter) Figures(ctx context.Context, to *figures.Set) error {
	a.mu.Lock()
	uses := slices.Clone(a.uses)
	a.mu.Unlock()
	for _, u := range uses {
		if u.group == "" {
			continue
		}
		if err := a.lag(ctx, u, to); err != nil {
			return classify(u.topic, err)
		}
	}
	return nil
}

// lag tells of one group and topic. Of a partition that the group has no position of, all that its log holds is behind.
func (a *Adapter) lag(ctx context.Context, u use, to *figures.Set) error {
	l := a.link(u.topic)
	defer l.close()
	state, err := l.state(ctx, u.topic)
	if err != nil || !state.there() {
		return err
	}
	var ids []int
	for i := range state.leaders {
		ids = append(ids, i)
	}
	marks, err := l.committed(ctx, u.group, ids)
	if err != nil {
		return err
	}
	for _, i := range ids {
		log, err := l.span(ctx, i)
		if err != nil {
			return err
		}
		to.Put(figures.Lag, log.end-min(max(marks[i].offset, log.first), log.end), a.env.Name, "topic "+u.topic, strconv.Itoa(i))
	}
	return nil
}
