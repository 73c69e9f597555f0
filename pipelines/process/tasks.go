package process

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

const (
	taskKind  = "task"          // of the records of open tasks, by their IDs
	dueKind   = "task.due"      // of the records that name them in the order in which they are due: the first ones are read without the others
	tasksKind = "process.tasks" // of the counters that tell how many of a process are open
)

// OpenTask is an open human task, as its record holds it. Its units of work change or answer it; they fail with
// hub.ErrConflict when somebody was quicker.
type OpenTask struct {
	ID       string             `json:"id"`
	Process  string             `json:"process"`
	Instance string             `json:"instance"`
	State    string             `json:"state"`
	Group    string             `json:"group"`
	Ask      []definition.Field `json:"ask"`
	Show     json.RawMessage    `json:"show,omitempty"` // what the person sees beside the form
	Since    time.Time          `json:"since"`
	Due      time.Time          `json:"due,omitzero"`
	Late     bool               `json:"late,omitempty"`
	Claimed  string             `json:"claimed,omitempty"` // by whom
	Why      string             `json:"why,omitempty"`     // of a compensation that can't succeed

	version int64 // of the record
}

// undoForm is what a person answers to a compensation that can't succeed.
var undoForm = []definition.Field{{Name: "done", Type: "bool"}, {Name: "note", Type: "text", Optional: true}}

// openTask asks the person that the state names.
func (t *turn) openTask(tok *instance.Token, s *definition.State) error {
	k := OpenTask{Group: s.Task.Group, Ask: s.Task.Ask}
	if s.Task.Show != nil {
		v, err := s.Task.Show.Apply(t.frame(tok))
		if err != nil {
			return err
		}
		k.Show = v.JSON()
	}
	tok.Step = len(s.Steps) + atTask
	t.askTask(tok, k, s.Task.Due)
	tok.Phase, tok.Runnable = instance.Waiting, false
	return t.recall()
}

// askPerson asks somebody to see to a compensation that can't succeed.
func (t *turn) askPerson(tok *instance.Token, u *instance.Effect, e *hub.Error) {
	why := u.Where + " can't be undone: " + e.Error()
	switch {
	case u.Doubt && e.Partial:
		why = u.Where + " is done in part: " + e.Error()
	case u.Doubt:
		why = "it is not known whether " + u.Where + " had its effect: " + e.Error()
	}
	t.askTask(tok, OpenTask{ID: ".undo." + strconv.Itoa(len(t.in.Effects)) + "." + strconv.Itoa(tok.Run), Group: t.d.Desk.Group, Ask: undoForm, Why: why}, t.d.Desk.Due)
	tok.Task.Undoing = true
	tok.Phase, tok.Runnable = instance.Waiting, false
}

func (t *turn) askTask(tok *instance.Token, k OpenTask, due time.Duration) {
	k.ID = t.visit(tok) + k.ID
	k.Process, k.Instance, k.State, k.Since = t.m.Name, t.in.ID, tok.State, t.now
	tok.Task = &instance.Task{ID: k.ID, Group: k.Group}
	if due > 0 {
		k.Due = t.now.Add(due)
		tok.Task.Due = k.Due
		t.setTimer(tok, lateTimer, k.Due)
	}
	t.y.Write(k.write(hub.AnyVersion))
	t.y.Write(k.list())
	t.countTask(1)
	t.note(tok, "", "asked", "%s: task %s", k.Group, k.ID)
}

// write is the task's record, if it has that version still.
func (k *OpenTask) write(version int64) hub.Write {
	value, _ := json.Marshal(k) // texts, times and JSON always can
	return hub.Write{Kind: taskKind, Key: k.ID, Value: value, IfVersion: version}
}

// list is the record that names the task in the list of those that are open.
func (k *OpenTask) list() hub.Write {
	value, _ := json.Marshal(OpenTask{ID: k.ID, Process: k.Process, Instance: k.Instance, State: k.State, Group: k.Group, Since: k.Since, Due: k.Due})
	return hub.Write{Kind: dueKind, Key: dueKey(k.Due, k.ID), Value: value, IfVersion: hub.AnyVersion}
}

const dueForm = "2006-01-02T15:04:05.000000000"

// dueKey orders tasks by the time at which they are due; those that never are come last.
func dueKey(due time.Time, id string) string {
	if due.IsZero() {
		return escape.JoinKey("~", id)
	}
	return escape.JoinKey(due.UTC().Format(dueForm), id)
}

// countTask changes how many tasks of the process are open.
func (t *turn) countTask(n int64) {
	t.y.Unit.Adds = append(t.y.Unit.Adds, hub.Add{Kind: tasksKind, Key: t.m.Name, Delta: n})
}

// dropTask takes the task of tok off the list.
func (t *turn) dropTask(tok *instance.Token) {
	if tok.Task == nil {
		return
	}
	t.y.Write(hub.Write{Kind: taskKind, Key: tok.Task.ID, IfVersion: hub.AnyVersion})
	t.y.Write(hub.Write{Kind: dueKind, Key: dueKey(tok.Task.Due, tok.Task.ID), IfVersion: hub.AnyVersion})
	t.countTask(-1)
	if !tok.Task.Due.IsZero() {
		t.callOff(t.timerName(tok, lateTimer))
	}
	tok.Task = nil
}

// answer gives a person's answer to the token that asked. The first answer counts.
func (t *turn) answer() error {
	id, by, with := text(t.x.Msg, "task"), text(t.x.Msg, "by"), value(t.x.Msg, "with")
	for _, tok := range t.in.Tokens {
		if tok.Task != nil && tok.Task.ID == id {
			return t.takeAnswer(tok, by, with)
		}
	}
	return noTask(id)
}

// noTask is the error of an answer to a task that is not open.
func noTask(id string) error {
	return hub.Fail(hub.Rejected, "no_task", "the task %s is answered already, or called off", id).Tell()
}

func (t *turn) takeAnswer(tok *instance.Token, by string, with doc.Value) error {
	s := t.state(tok)
	form := undoForm
	if !tok.Task.Undoing {
		form = s.Task.Ask
	}
	if err := definition.CheckAnswer(form, with); err != nil {
		return err
	}
	t.note(tok, "", "answered", "task %s by %s: %s", tok.Task.ID, by, with)
	undoing := tok.Task.Undoing
	t.dropTask(tok)
	tok.Phase, tok.Runnable = instance.Running, true
	tok.ForgetTries()
	if undoing {
		if i := t.newestEffect(s); i >= 0 && with.Get("done").Bool() {
			t.note(tok, "", "undone", "%s, by hand", t.in.Effects[i].Where)
			t.in.Effects = slices.Delete(t.in.Effects, i, i+1)
		}
		return nil
	}
	tok.Step = len(s.Steps) + atRules
	whose := hub.Vars{textVar("by", by), textVar("at", t.now.Format(time.RFC3339Nano))}
	t.set(tok, hub.Var{Name: "task", Value: doc.Merge(with, whose.Document())})
	return nil
}

// late does what the state says of a task that nobody answered in time.
func (t *turn) late(ctx context.Context, tok *instance.Token) (outcome, error) {
	if tok.Task == nil {
		return nothing, nil
	}
	if t.now.Before(tok.Task.Due) {
		t.setTimer(tok, lateTimer, tok.Task.Due)
		return done, nil
	}
	k, err := FindTask(ctx, t.y.Env.Store, tok.Task.ID)
	if err != nil {
		return outcome{}, err
	}
	k.Late = true
	t.y.Write(k.write(k.version)) // somebody may claim it at this moment
	t.note(tok, "", "late", "task %s of %s", k.ID, k.Group)
	r := t.d.Desk.Late
	if !tok.Task.Undoing {
		r = t.state(tok).Task.Late
	}
	if r != nil {
		_, err = t.react(tok, r, "late."+strconv.FormatInt(tok.Task.Due.UnixNano(), 10))
	}
	return done, err
}

// Tasks are the first open tasks, at most that many, that keep chooses (nil: all) by what the list of them has: all but what they ask and show.
// Those due first are at the front, those never due last.
func Tasks(ctx context.Context, st hub.Records, most int, keep func(*OpenTask) bool) ([]OpenTask, error) {
	out := []OpenTask{}
	for k, err := range listed(ctx, st) {
		if err != nil {
			return nil, err
		}
		if keep != nil && !keep(&k) {
			continue
		}
		full, err := FindTask(ctx, st, k.ID)
		switch {
		case errors.Is(err, hub.ErrNotFound): // it was answered a moment ago
			continue
		case err != nil: // one damaged record hides no other
			full = &OpenTask{ID: k.ID, State: damaged}
		}
		if out = append(out, *full); len(out) == most {
			break
		}
	}
	return out, nil
}

// listed are the open tasks in the order in which they are due, as the list of them has them.
func listed(ctx context.Context, st hub.Records) iter.Seq2[OpenTask, error] {
	return func(yield func(OpenTask, error) bool) {
		for rec, err := range records(ctx, st, dueKind, "") {
			var k OpenTask
			if err == nil && json.Unmarshal(rec.Value, &k) != nil {
				parts := escape.SplitKey(rec.Key)
				k = OpenTask{ID: parts[len(parts)-1], State: damaged}
				k.Due, _ = time.Parse(dueForm, parts[0])
			}
			if !yield(k, err) {
				return
			}
		}
	}
}

// TaskCount is how many tasks of a process are open.
type TaskCount struct {
	Open int `json:"open"`
	Late int `json:"late"` // nobody answered them in time
}

// CountTasks counts the open tasks by process, and gives the first that are late, as the list of them has them: at most that many are looked at, and counted.
func CountTasks(ctx context.Context, st hub.Records, now time.Time, most int) (map[string]TaskCount, []OpenTask, error) {
	open, err := st.Counters(ctx, tasksKind, "")
	if err != nil {
		return nil, nil, err
	}
	counts := map[string]TaskCount{}
	for name, n := range open {
		counts[name] = TaskCount{Open: int(n)}
	}
	var late []OpenTask
	for k, err := range listed(ctx, st) {
		if err != nil {
			return nil, nil, err
		}
		if len(late) == most || !k.IsLate(now) {
			break
		}
		n := counts[k.Process]
		n.Late++
		counts[k.Process], late = n, append(late, k)
	}
	return counts, late, nil
}

// FindTask is an open task; hub.ErrNotFound when it is answered, called off, or never was.
func FindTask(ctx context.Context, st hub.Records, id string) (*OpenTask, error) {
	rec, err := st.Get(ctx, taskKind, id)
	if err != nil {
		return nil, err
	}
	return taskOf(rec)
}

func taskOf(rec hub.Record) (*OpenTask, error) {
	k := &OpenTask{version: rec.Version}
	if err := json.Unmarshal(rec.Value, k); err != nil {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "task %s: %w", rec.Key, err)
	}
	return k, nil
}

// Claim makes the task by's own: nobody else may answer it.
func (k *OpenTask) Claim(by string, now time.Time) (*hub.Unit, error) {
	if err := k.free(by); err != nil {
		return nil, err
	}
	c := *k
	c.Claimed = by
	return c.unit(now, "claimed", "task "+k.ID+" by "+by), nil
}

// HandOver gives the task to a person, or back to a group.
func (k *OpenTask) HandOver(to string, group bool, now time.Time) *hub.Unit {
	c := *k
	if c.Claimed = to; group {
		c.Group, c.Claimed = to, ""
	}
	u := c.unit(now, "handed", "task "+k.ID+" to "+to)
	u.Writes = append(u.Writes, c.list())
	return u
}

// Answer answers the task; the answer is held to its form. id is the message's:
// the same ID is the same answer. What by answers is by's own until the process has taken it.
func (k *OpenTask) Answer(id, by string, answer doc.Value, now time.Time) (*hub.Unit, error) {
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

func (k *OpenTask) free(by string) error {
	if k.Claimed != "" && k.Claimed != by {
		return hub.Fail(hub.Rejected, "claimed", "the task %s is claimed by %s: hub task hand-over %s --to %s", k.ID, k.Claimed, k.ID, by)
	}
	return nil
}

// unit writes the task, if nobody changed it since; what is the line of its instance's history, "" for none.
func (k *OpenTask) unit(now time.Time, what, detail string) *hub.Unit {
	u := &hub.Unit{Writes: []hub.Write{k.write(k.version)}}
	if what != "" {
		root := k.Process + ":" + k.Instance
		u.Root, u.Correlation = root, k.Instance
		u.History = []hub.Event{{Time: now, Message: root, Where: k.Process + "/" + k.State, What: what, Detail: detail}}
	}
	return u
}
