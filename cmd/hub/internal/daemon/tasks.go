package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
	"orderhub/pipelines/process/definition"
)

// taskTries bounds how often a change of a task begins anew because somebody was quicker.
const taskTries = 5

// mostTasks bounds a list of tasks.
const mostTasks = 10_000

// tasks lists the open tasks: ?group=&process=&late=true&limit=.
func (a *admin) tasks(r *http.Request) ([]process.OpenTask, error) {
	group, name, late := r.FormValue("group"), r.FormValue("process"), r.FormValue("late") == "true"
	most, err := limit(r.Form, mostTasks, mostTasks)
	if err != nil {
		return nil, err
	}
	now := a.clock.Now()
	return process.Tasks(r.Context(), a.storage, most, func(k *process.OpenTask) bool {
		return (group == "" || k.Group == group) && (name == "" || k.Process == name) && (!late || k.IsLate(now))
	})
}

// task is ?id=.
func (a *admin) task(r *http.Request) (*process.OpenTask, error) {
	return a.findTask(r.Context(), r.FormValue("id"))
}

func (a *admin) findTask(ctx context.Context, id string) (*process.OpenTask, error) {
	k, err := process.FindTask(ctx, a.storage, id)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, api.NotFoundf("no open task %s: it is answered, called off, or never was; hub task list", id)
	}
	return k, err
}

// changeTask commits what change makes of the task. When somebody else changed
// the task meanwhile, it looks again.
func (a *admin) changeTask(ctx context.Context, id string, change func(k *process.OpenTask) (*hub.Unit, error)) (*process.OpenTask, error) {
	for try := 1; ; try++ {
		k, err := a.findTask(ctx, id)
		if err != nil {
			return nil, err
		}
		u, err := change(k)
		if err != nil {
			return nil, err
		}
		actOf(ctx).On = id
		err = a.commit(ctx, u)
		if err == nil || !errors.Is(err, hub.ErrConflict) || try == taskTries {
			return k, err
		}
	}
}

// changing answers a call that changes a task with the task as it is afterwards.
func (a *admin) changing(change func(by string, k *process.OpenTask, q *api.TaskRequest) (*hub.Unit, error)) handler[*process.OpenTask] {
	return func(r *http.Request) (*process.OpenTask, error) {
		q, err := readTask(r)
		if err != nil {
			return nil, err
		}
		if _, err := a.changeTask(r.Context(), q.ID, func(k *process.OpenTask) (*hub.Unit, error) { return change(actOf(r.Context()).Who, k, q) }); err != nil {
			return nil, err
		}
		return a.findTask(r.Context(), q.ID)
	}
}

func (a *admin) claim(by string, k *process.OpenTask, _ *api.TaskRequest) (*hub.Unit, error) {
	return k.Claim(by, a.clock.Now())
}

func (a *admin) handOver(_ string, k *process.OpenTask, q *api.TaskRequest) (*hub.Unit, error) {
	if q.To == "" {
		return nil, api.BadRequestf("to is needed: a name, or a group")
	}
	return k.HandOver(q.To, slices.Contains(a.processes().Groups(), q.To), a.clock.Now()), nil
}

// answerTask gives the answer to the process, and waits until it has taken it.
func (a *admin) answerTask(r *http.Request) (*api.Acted, error) {
	q, err := readTask(r)
	if err != nil {
		return nil, err
	}
	answer := doc.ObjectOf(nil)
	if len(q.Answer) > 0 {
		if answer, err = doc.Parse(q.Answer); err != nil {
			return nil, err
		}
	}
	var put hub.Put
	id := hub.NewID(a.clock.Now())
	k, err := a.changeTask(r.Context(), q.ID, func(k *process.OpenTask) (*hub.Unit, error) {
		u, err := k.Answer(id, actOf(r.Context()).Who, answer, a.clock.Now())
		if err != nil {
			return nil, withForm(err, k.Ask)
		}
		put = u.Puts[0]
		return u, nil
	})
	if err != nil {
		return nil, err
	}
	return a.acted(r.Context(), put, k.Process, k.Instance)
}

// withForm tells the faults of an answer with the form that it does not fit.
func withForm(err error, ask []definition.Field) error {
	e := hub.AsError(err)
	if len(e.Fields) == 0 {
		return err
	}
	p := api.Problemf(http.StatusUnprocessableEntity, e.Reason, "the answer does not fit",
		"the answer does not fit the form {%s}", strings.Join(pipelines.Names(ask, definition.Field.String), ", "))
	p.Errors = e.Fields
	return p
}

// readTask reads a request; its id must be there.
func readTask(r *http.Request) (*api.TaskRequest, error) {
	var q api.TaskRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	if q.ID == "" {
		return nil, api.BadRequestf("id is needed: hub task list")
	}
	return &q, nil
}
