package process

import (
	"context"
	_ "embed"
	"errors"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

//go:embed answer.md
var answerDoc string

// answerer answers a task, whatever process and instance it belongs to.
type answerer struct {
	site           pipelines.Site
	task, with, by *pipelines.Value // with: nil is the body
}

// compileAnswer reads `answer: {task: =params.task, with: {approve: true}, by: =body.name}`.
func compileAnswer(b *pipelines.Build) hub.Step {
	n := b.Node
	if all, _ := b.Section(definition.Section).(*Processes); all == nil {
		n.Errorf("E289", "declare a process with a task in processes:", "there are no processes, and no tasks")
		return nil
	}
	if n.Kind() != yamlfile.Map || n.Get("task") == nil || n.Get("by") == nil {
		n.Errorf("E310", "write answer: {task: =params.task, with: {approve: true}, by: =body.name}", "an answer names the task, and who answers")
		return nil
	}
	n.Allow("answer", "task", "with", "by")
	a := &answerer{site: b.Site, task: b.Value(n.Get("task"), b.Flow.Scope, nil), by: b.Value(n.Get("by"), b.Flow.Scope, nil)}
	if w := n.Get("with"); w != nil {
		if a.with = b.Value(w, b.Flow.Scope, nil); a.with == nil {
			return nil
		}
	}
	if a.task == nil || a.by == nil {
		return nil
	}
	return a
}

// Process puts the answer's message, in x's unit.
func (a *answerer) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	fr := formula.NewFrame(x)
	task, err := a.task.Apply(fr)
	if err != nil {
		return err
	}
	by, err := a.by.Apply(fr)
	if err != nil {
		return err
	}
	with, err := a.answer(x, fr)
	if err != nil {
		return err
	}
	k, err := FindTask(ctx, x.Env.Store, task.Text())
	if errors.Is(err, hub.ErrNotFound) {
		return noTask(task.Text())
	}
	if err != nil {
		return err
	}
	u, err := k.Answer(hub.DeriveID(x.Msg.ID, "answer."+k.ID), by.Text(), with, x.Now())
	if err != nil {
		return err
	}
	x.Unit.Puts = append(x.Unit.Puts, u.Puts...)
	for _, w := range u.Writes {
		x.Write(w)
	}
	a.site.Note(x, began, "answered", k.ID+" by "+by.Text())
	return next(ctx, x)
}

// answer is what the form says.
func (a *answerer) answer(x *hub.Exchange, fr *formula.Frame) (doc.Value, error) {
	if a.with == nil {
		return x.Doc()
	}
	return a.with.Apply(fr)
}
