package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
)

// Intake hands the deliveries of one Run of a source to the hub, and settles each by what became of it: it is done once the hub owns it or its
// requester has an answer, refused when the hub refused it for good, and otherwise tried again. Deliveries of one key are handled in their order.
//
// Where the broker takes deliveries back (Hold), one with a key is tried again here, since back in its queue it would lose its place
// before the others of its key; one without a key goes back after a pause, to whoever takes it next.
type Intake[J Job] struct {
	Env     *hub.Env
	Handler hub.Handler
	Work    context.Context // what handlers get: their work is not cut short when the source stops
	Settler Settler[J]
	About   []any // names the source in log lines: "queue", "orders"
	Late    *Late

	Workers       int           // deliveries handled at once
	Lanes, Behind int           // as in Work
	Hold          time.Duration // how long a delivery may stay unsettled before it goes back; 0: the broker takes none back
	Longest       time.Duration // how long the hub may take for a delivery, which is then its own to try again; 0: as long as it likes

	lanes  *Lanes[J]
	failed atomic.Int64 // failures in a row, of whichever delivery
	end    context.CancelFunc
	aside  sync.WaitGroup
}

// Job is what a source knows of a delivery. It embeds a Delivery.
type Job interface{ delivery() *Delivery }

// Delivery is a message that the broker handed over and that is not settled yet.
type Delivery struct {
	Msg     *hub.Message
	ReplyTo string // Return Address of a request, for people; "": nobody waits for a reply
	Fault   error  // why there is no message for the hub: Msg tells only what is known

	came   time.Time
	tries  int
	since  time.Time    // of the first try that failed
	answer *hub.Message // the reply, once there is one
	denied *hub.Error   // the error that it tells of
	told   bool         // the hub knows of the fault
	leaves bool         // the pause before it goes back is over
}

func (d *Delivery) delivery() *Delivery { return d }

// Settler tells the broker what became of deliveries.
type Settler[J Job] interface {
	Done(j J)                 // the hub owns it
	Requeue(j J)              // it comes again; called only where Intake has a Hold
	Refuse(j J, e *hub.Error) // it can't be handled, ever
	// Reply sends the answer to a request. An error that is not transient says that the requester can't be reached.
	Reply(ctx context.Context, j J, answer *hub.Message) error
}

// pauses between tries of a delivery. They grow with its tries and, where it may come again as another delivery, with the failures in a row
// of the whole source.
var pauses = hub.Retry{Min: 100 * time.Millisecond, Max: 15 * time.Second}

const (
	patience  = 5 * time.Minute  // for which a request that does not expire is tried, where it can't go back
	replyTime = 30 * time.Second // for one try to send a reply
)

// Start makes the intake ready for Put.
func (in *Intake[J]) Start() {
	in.lanes = NewLanes(in.Env.Clock, Work[J]{Workers: in.Workers, Lanes: in.Lanes, Behind: in.Behind, Handle: in.handle, Back: in.Settler.Requeue,
		Key: func(j J) string { return j.delivery().Msg.Key }})
	ctx, end := context.WithCancel(in.Work)
	if in.end = end; in.Hold > 0 {
		in.aside.Go(func() {
			for hub.Pause(ctx, in.Env.Clock, in.Hold/10) {
				old := in.Env.Clock.Now().Add(-in.Hold)
				in.lanes.GiveBack(func(j J) bool { return j.delivery().came.Before(old) })
			}
		})
	}
}

// Put takes a delivery. It waits while there is no room, and returns false when ctx ended first: the delivery was not taken.
func (in *Intake[J]) Put(ctx context.Context, j J) bool {
	j.delivery().came = in.Env.Clock.Now()
	return in.lanes.Put(ctx, j)
}

// Stop makes no further delivery begin. The channel is closed when those that were begun are settled; the others stay unsettled.
func (in *Intake[J]) Stop() (idle <-chan struct{}) {
	in.end()
	in.aside.Wait()
	return in.lanes.Stop()
}

func (in *Intake[J]) handle(j J) (again time.Duration) {
	d := j.delivery()
	switch {
	case d.leaves:
		in.Settler.Requeue(j)
		return Settled
	case d.Fault != nil:
		return in.refuse(j)
	case d.answer != nil:
		return in.reply(j)
	}
	answer, err := in.ask(d)
	if err != nil {
		return in.deny(j, hub.AsError(err))
	}
	in.failed.Store(0)
	if d.ReplyTo == "" || answer == nil {
		in.Settler.Done(j)
		return Settled
	}
	d.answer, d.tries, d.since = answer, 0, time.Time{}
	return in.reply(j)
}

// deny ends what the hub did not take, unless another try may help.
func (in *Intake[J]) deny(j J, e *hub.Error) (again time.Duration) {
	d := j.delivery()
	switch {
	case !in.final(d, e):
		return in.later(d, e)
	case d.ReplyTo == "":
		in.Settler.Refuse(j, e)
		return Settled
	}
	d.denied = e
	if e.Class.Transient() && !d.Msg.Expires.IsZero() { // it was tried until it expired
		e = hub.NoReply(d.Msg)
	}
	d.answer, d.tries, d.since = hub.ErrorReply(d.Msg, e), 0, time.Time{}
	return in.reply(j)
}

// ask hands the message over. A reply is wanted only where there is somebody to have it.
func (in *Intake[J]) ask(d *Delivery) (*hub.Message, error) {
	ctx := in.Work
	if in.Longest > 0 {
		c, cancel := context.WithTimeout(ctx, in.Longest)
		defer cancel()
		ctx = c
	}
	if caller, ok := in.Handler.(hub.Caller); ok && d.ReplyTo != "" {
		return caller.Call(ctx, d.Msg)
	}
	return nil, in.Handler.Handle(ctx, d.Msg)
}

// final tells that another try can't help. The requester is then told the error, whatever it is; where nobody is told, a fault of the
// hub's own may heal. What was interrupted because the hub stops comes again.
func (in *Intake[J]) final(d *Delivery, e *hub.Error) bool {
	switch {
	case e.Reason == "stopping":
		return false
	case d.ReplyTo != "":
		return !e.Class.Transient() || in.overdue(d)
	}
	return e.Class == hub.Invalid || e.Class == hub.Rejected
}

// overdue tells that nobody waits any more for the reply to a request which can't go back to its broker.
func (in *Intake[J]) overdue(d *Delivery) bool {
	now := in.Env.Clock.Now()
	switch {
	case in.Hold > 0:
		return false
	case !d.Msg.Expires.IsZero():
		return now.After(d.Msg.Expires)
	}
	return !d.since.IsZero() && now.Sub(d.since) > patience
}

// later returns the pause before the next try, or GiveBack.
func (in *Intake[J]) later(d *Delivery, e *hub.Error) time.Duration {
	in.Env.Log.Debug("message not taken, tried again", append(in.About, "message", d.Msg.ID, "error", e)...)
	now := in.Env.Clock.Now()
	if d.since.IsZero() {
		d.since = now
	}
	d.tries++
	switch stays := d.Msg.Key != "" || d.answer != nil; {
	case in.Hold == 0:
		return max(pauses.Delay(d.tries), e.After)
	case stays && now.Sub(d.since) > in.Hold:
		return GiveBack
	default:
		d.leaves = !stays
		return max(pauses.Delay(max(int(in.failed.Add(1)), d.tries)), min(e.After, pauses.Max))
	}
}

// reply sends the answer to the request's Return Address. While that can't be done the answer is kept.
func (in *Intake[J]) reply(j J) (again time.Duration) {
	d := j.delivery()
	ctx, cancel := context.WithTimeout(in.Work, replyTime)
	defer cancel()
	if err := in.Settler.Reply(ctx, j, d.answer); err != nil {
		if e := hub.AsError(err); e.Class.Transient() && (e.Reason == "stopping" || !in.overdue(d)) {
			return in.later(d, e)
		}
		in.Late.Drop(in.Env.Log, hub.RefuserOf(in.Handler), d.Msg, "reply to "+d.ReplyTo, err, in.About...)
	}
	if d.denied != nil {
		in.Settler.Refuse(j, d.denied)
	} else {
		in.Settler.Done(j)
	}
	return Settled
}

// refuse settles a delivery that gives no message, once the hub has it among what was refused.
func (in *Intake[J]) refuse(j J) (again time.Duration) {
	d, to := j.delivery(), hub.RefuserOf(in.Handler)
	if !d.told {
		d.told = true
		to.Refused(hub.RefusalOf(d.Msg, d.Fault))
	}
	if err := to.Kept(in.Work); err != nil {
		d.tries++
		return pauses.Delay(d.tries)
	}
	in.Settler.Refuse(j, hub.AsError(d.Fault))
	return Settled
}
