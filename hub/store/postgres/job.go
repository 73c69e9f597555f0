package postgres

import (
	"context"
	"orderhub/hub"
	"orderhub/hub/store/core"
	"strconv"
	"time"
)

type (
	job    = core.Job[*queue]
	putRow = core.PutRow[*queue]
)

func recordName(w *hub.Write) core.Name { return core.Name{Kind: w.Kind, Key: w.Key} }

// Commit makes u durable, or nothing of it. ctx ends the waiting for a place
// in the writer's queue, never the write.
func (s *Store) Commit(ctx context.Context, u *hub.Unit) error {
	if err := s.Usable(); err != nil {
		return err
	}
	begun, now := time.Now(), s.o.Clock.Now()
	j, err := core.Encode(u, now, s.Places, func(name string) (*queue, error) { return s.queue(ctx, name) })
	if err != nil {
		return err
	}
	j.Begun = begun
	if u.Input != nil && u.Input.Name != "" {
		j.Names = append(j.Names, core.Name{Queue: j.In.ID, Key: u.Input.Name})
	}
	for i := range j.Puts {
		if r := &j.Puts[i]; r.Put.Name != "" {
			j.Names = append(j.Names, core.Name{Queue: r.Queue.ID, Key: r.Put.Name})
		}
	}
	for _, l := range u.Settles {
		j.Names = append(j.Names, core.Name{Kind: "dead letter", Key: strconv.FormatInt(l.Seq, 10)})
	}
	setWrites(j, now)
	return s.Submit(ctx, j)
}

// setWrites makes the inbox key a create-only record. A record that is
// written twice keeps the check of the first write and the value of the last.
func setWrites(j *job, now time.Time) {
	if j.Unit.Inbox == "" && len(j.Unit.Writes) == 0 {
		return
	}
	at := map[core.Name]int{}
	add := func(w hub.Write) {
		if i, twice := at[recordName(&w)]; twice {
			j.Writes[i].Value, j.Writes[i].Expires = w.Value, w.Expires
			return
		}
		at[recordName(&w)] = len(j.Writes)
		j.Writes = append(j.Writes, w)
		j.Names = append(j.Names, recordName(&w))
	}
	if j.Unit.Inbox != "" {
		add(hub.Write{Kind: core.InboxKind, Key: j.Unit.Inbox, Value: []byte{}, Expires: now.Add(core.InboxKeep)})
	}
	for _, w := range j.Unit.Writes {
		add(w)
	}
}
