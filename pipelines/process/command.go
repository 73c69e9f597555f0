package process

import (
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// What a message of a process's queue asks for. Its Key is the instance's ID,
// so that the events of one instance come in order; a message that drives a
// token has none, because its calls may take long, and events must not wait for
// them. Its Correlation is the ID always.
const (
	doStart  = "start"  // body: the data
	doDrive  = "drive"  // token, run: go on with its steps
	doEvent  = "event"  // body: {name, with}; the message's ID is the event's
	doExpire = "expire" // body likewise: nobody took the event in time
	doTimer  = "timer"  // token, visit, number of the timer; lateTimer is that of the task
	doAnswer = "answer" // body: {task, with, by}
	doRetry  = "retry"  // tokens that failed, or wait for another try, go on now
	doCancel = "cancel" // body: {why}: undo all, and close
	doMove   = "move"   // to the newest version
	doChange = "change" // body: {with: {path: value}}: values of the data, by hand
)

const header = "process" // holds one of these words, and its numbers

// command is what a message asks for.
type command struct {
	do      string
	numbers [3]int
}

// drives tells that the message carries a token from step to step.
func (c command) drives() bool { return c.do == doStart || c.do == doDrive }

func commandOf(m *hub.Message) (command, error) {
	words := strings.Fields(m.Headers.Get(header))
	if len(words) == 0 || len(words) > 4 {
		return command{}, hub.Fail(hub.Invalid, "process", "the message %s was not made by start or signal", m.ID)
	}
	c := command{do: words[0]}
	for i, w := range words[1:] {
		n, err := strconv.Atoi(w)
		if err != nil {
			return command{}, hub.Fail(hub.Invalid, "process", "the message %s asks for %q", m.ID, m.Headers.Get(header))
		}
		c.numbers[i] = n
	}
	return c, nil
}

// put is a message for the machine of a process.
func put(process, instance, id string, now time.Time, body doc.Value, words ...string) hub.Put {
	m := &hub.Message{ID: id, Key: instance, Correlation: instance, Time: now, Headers: hub.Headers{header: strings.Join(words, " ")}}
	if body.Kind() != doc.Missing {
		m.Body = hub.DocumentBody(body)
	}
	return hub.Put{Queue: queueOf(process), Msg: m}
}

// Start is the message that begins instance id of a process, with its data. An
// instance that is there already stays as it is.
func Start(process, instance, id string, data doc.Value, now time.Time) hub.Put {
	p := put(process, instance, id, now, data, doStart)
	p.Msg.Key = ""
	return p
}

// Signal is the message that tells an instance of an event. The same ID is the same event: it counts once.
func Signal(process, instance, id, event string, with doc.Value, now time.Time) hub.Put {
	body := hub.Vars{textVar("name", event)}
	if with.Kind() != doc.Missing {
		body = append(body, hub.Var{Name: "with", Value: with})
	}
	return put(process, instance, id, now, body.Document(), doEvent)
}

// Answer is the message that answers a task.
func Answer(process, instance, id, task string, with doc.Value, by string, now time.Time) hub.Put {
	return put(process, instance, id, now, hub.Vars{textVar("task", task), {Name: "with", Value: with}, textVar("by", by)}.Document(), doAnswer)
}

// Retry is the message that makes an instance's failed and waiting steps run now.
func Retry(process, instance, id string, now time.Time) hub.Put {
	return put(process, instance, id, now, doc.Value{}, doRetry)
}

// Cancel is the message that ends an instance whatever its state: what was done is undone.
func Cancel(process, instance, id, why string, now time.Time) hub.Put {
	return put(process, instance, id, now, hub.Vars{textVar("why", why)}.Document(), doCancel)
}

// Move is the message that takes an instance to the newest version.
func Move(process, instance, id string, now time.Time) hub.Put {
	return put(process, instance, id, now, doc.Value{}, doMove)
}

// Change is the message that sets values of an instance's data, each at its path.
func Change(process, instance, id string, values doc.Value, now time.Time) hub.Put {
	return put(process, instance, id, now, hub.Vars{{Name: "with", Value: values}}.Document(), doChange)
}

// Drives tells that the message carries an instance from step to step: as a
// dead letter it is the trace of a place that failed.
func Drives(m *hub.Message) bool {
	c, err := commandOf(m)
	return err == nil && c.drives()
}

// Sleeps tells that the message is a timer, or keeps an early event: nothing of the instance is under way because of it.
func Sleeps(m *hub.Message) bool {
	c, err := commandOf(m)
	return err == nil && (c.do == doTimer || c.do == doExpire)
}

// value is a field of a message's body, text one that is a text: its event, task, why.
func value(m *hub.Message, name string) doc.Value {
	v, err := m.Body.Doc()
	if err != nil {
		return doc.Value{}
	}
	return v.Get(name)
}

func text(m *hub.Message, name string) string { return value(m, name).Str() }
