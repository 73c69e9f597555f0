package process

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
)

// maxTasks bounds how many open tasks are looked at.
const maxTasks = 10_000

// ListedTask is an open task as it lies in the store. Its units of work change
// or answer it; they fail with hub.ErrConflict when somebody was quicker.
type ListedTask struct {
	OpenTask
	version int64
}

// Tasks are the open tasks that keep chooses (nil: all): those due first at the front, those never due last.
func Tasks(ctx context.Context, st Reader, keep func(*OpenTask) bool) ([]OpenTask, error) {
	out := []OpenTask{}
	seen := 0
	for rec, err := range records(ctx, st, taskKind, "") {
		if err != nil {
			return nil, err
		}
		k, err := taskOf(rec)
		switch {
		case err != nil: // one damaged record hides no other
			out = append(out, OpenTask{ID: rec.Key, State: damaged})
		case keep == nil || keep(&k.OpenTask):
			out = append(out, k.OpenTask)
		}
		if seen++; seen == maxTasks {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b OpenTask) int {
		if a.Due.IsZero() != b.Due.IsZero() {
			return -a.Due.Compare(b.Due)
		}
		return cmp.Or(a.Due.Compare(b.Due), a.Since.Compare(b.Since))
	})
	return out, nil
}

// FindTask is an open task; hub.ErrNotFound when it is answered, called off, or never was.
func FindTask(ctx context.Context, st Reader, id string) (*ListedTask, error) {
	rec, err := st.Get(ctx, taskKind, id)
	if err != nil {
		return nil, err
	}
	return taskOf(rec)
}

func taskOf(rec hub.Record) (*ListedTask, error) {
	k := &ListedTask{version: rec.Version}
	if err := json.Unmarshal(rec.Value, &k.OpenTask); err != nil {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "task %s: %w", rec.Key, err)
	}
	return k, nil
}

// Claim makes the task by's own: nobody else may answer it.
func (k *ListedTask) Claim(by string, now time.Time) (*hub.Unit, error) {
	if err := k.free(by); err != nil {
		return nil, err
	}
	c := *k
	c.Claimed = by
	return c.unit(now, "claimed", "task "+k.ID+" by "+by), nil
}

// HandOver gives the task to a person, or back to a group.
func (k *ListedTask) HandOver(to string, group bool, now time.Time) *hub.Unit {
	c := *k
	if c.Claimed = to; group {
		c.Group, c.Claimed = to, ""
	}
	return c.unit(now, "handed", "task "+k.ID+" to "+to)
}

// Answer answers the task; the answer is held to its form. id is the message's:
// the same ID is the same answer. What by answers is by's own until the process has taken it.
func (k *ListedTask) Answer(id, by string, answer doc.Value, now time.Time) (*hub.Unit, error) {
	if err := k.free(by); err != nil {
		return nil, err
	}
	typed := definition.Typed(k.Ask, answer)
	if err := definition.CheckAnswer(k.Ask, typed); err != nil {
		return nil, err
	}
	c := *k
	c.Claimed = by
	u := c.unit(now, "", "")
	u.Puts = []hub.Put{Answer(k.Process, k.Instance, id, k.ID, typed, by, now)}
	return u, nil
}

func (k *ListedTask) free(by string) error {
	if k.Claimed != "" && k.Claimed != by {
		return hub.Fail(hub.Rejected, "claimed", "the task %s is claimed by %s: hub task hand-over %s --to %s", k.ID, k.Claimed, k.ID, by)
	}
	return nil
}

// unit writes the task, if nobody changed it since; what is the line of its instance's history, "" for none.
func (k *ListedTask) unit(now time.Time, what, detail string) *hub.Unit {
	u := &hub.Unit{Writes: []hub.Write{k.write(k.version)}}
	if what != "" {
		root := k.Process + ":" + k.Instance
		u.Root, u.Correlation = root, k.Instance
		u.History = []hub.Event{{Time: now, Message: root, Where: k.Process + "/" + k.State, What: what, Detail: detail}}
	}
	return u
}
