package api

import (
	"encoding/json"
	"slices"
	"time"

	"orderhub/pipelines/process"
)

// ProcessStatus is a process in one line.
type ProcessStatus struct {
	Process string `json:"process"`
	Version int    `json:"version"` // the newest
	Open    int64  `json:"open"`
	Ended   int64  `json:"ended"`
	Stuck   int    `json:"stuck"` // places that failed; 1000 is 1000 or more
	Tasks   int    `json:"tasks"`
	Late    int    `json:"late"` // tasks that nobody answered in time; 1000 is 1000 or more

	States []StateCount `json:"states"`
}

// Instances is a page of the instances of processes.
type Instances struct {
	Instances []*process.View `json:"instances"` // without their data
	Next      string          `json:"next,omitempty"`
	More      bool            `json:"more"` // there are more than these
}

// Lines are the instances.
func (p *Instances) Lines() any { return p.Instances }

// ActRequest is what somebody asks of an instance.
type ActRequest struct {
	Instance string          `json:"instance"` // PROCESS/ID, or ID alone where that is clear
	Event    string          `json:"event,omitempty"`
	With     json.RawMessage `json:"with,omitempty"`    // of an event: what comes with it; of a change: an object of paths and values
	DryRun   bool            `json:"dry_run,omitempty"` // of a change: hold it to the schema, and tell what it would be
}

// Acted is the instance after what was asked. It is durable in any case.
type Acted struct {
	Instance *process.View `json:"instance"`
	Done     bool          `json:"done"`              // the process has taken it; false: not within a second
	Message  string        `json:"message"`           // the ID of the message that asks for it
	Kept     bool          `json:"kept,omitempty"`    // of an event: no state takes it yet
	Dropped  int           `json:"dropped,omitempty"` // of a retry: dead letters that it replaces
	Left     int           `json:"left,omitempty"`    // of a retry: other dead letters of the instance
	Moved    bool          `json:"moved,omitempty"`   // of a move: it is on another version now
	Change   *StepBody     `json:"change,omitempty"`  // with dry_run: what it would change in the data
}

// CallRequest is a call of an operation by hand, for an instance. The same operation and body are the same call: it is made once.
type CallRequest struct {
	Instance  string `json:"instance"`  // PROCESS/ID, or ID alone where that is clear
	Operation string `json:"operation"` // adapter.operation
	Body      string `json:"body,omitempty"`
}

// Called is a call that was made by hand.
type Called struct {
	Instance  string          `json:"instance"` // PROCESS/ID
	Operation string          `json:"operation"`
	Key       string          `json:"idempotency_key"`
	By        string          `json:"by"`
	Time      time.Time       `json:"time"` // when it was first asked
	Status    string          `json:"status,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`   // the answer
	Done      bool            `json:"done"`             // an answer came
	Before    bool            `json:"before,omitempty"` // it came when it was asked before: nobody was asked now
}

// TaskRequest is what somebody does with a task.
type TaskRequest struct {
	ID     string          `json:"id"`
	To     string          `json:"to,omitempty"`     // of a hand over
	Answer json.RawMessage `json:"answer,omitempty"` // an object; texts for bools and numbers are read by the form
}

// Report is what became of the instances of a process.
type Report struct {
	Process string            `json:"process"`
	Version int               `json:"version"` // the newest
	Open    int64             `json:"open"`    // instances
	Ended   int64             `json:"ended"`   // instances, since the store began
	States  []StateCount      `json:"states"`
	Leads   []process.Lead    `json:"leads"` // between milestones
	Stuck   []process.Stuck   `json:"stuck"` // places that failed: the first 1000
	Tasks   process.TaskCount `json:"tasks"`
}

// StateCount is how many places stand in a state of a version, or have ended there.
type StateCount struct {
	process.Population
	Branch bool `json:"branch,omitempty"` // inside a branch: an instance may stand in several
}

// DiffRequest names a configuration: an absolute path, or one from the hub's working directory.
type DiffRequest struct {
	Config string `json:"config"`
}

// Diff is what a configuration would do to the processes of a hub.
type Diff struct {
	OK        bool            `json:"ok"` // it is valid, and strands nothing
	Config    string          `json:"config"`
	Revision  string          `json:"revision"`
	Processes []ProcessChange `json:"processes"`
	Fates     []process.Fate  `json:"fates"` // of the instances that have not ended, by version, definition and state
	Stranded  int             `json:"stranded"`
	Problems  string          `json:"problems,omitempty"` // of a configuration that is not valid, as text
}

// Stranded are the fates of the instances that a configuration has no place for.
func Stranded(fates []process.Fate) []process.Fate {
	return slices.DeleteFunc(slices.Clone(fates), func(f process.Fate) bool { return f.Fate != process.Strands })
}

// What becomes of a process.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Same    = "same"
)

// ProcessChange is what a configuration does to a process.
type ProcessChange struct {
	Process string `json:"process"`
	Change  string `json:"change"`
	From    int    `json:"from,omitempty"` // version; 0: it is not there
	To      int    `json:"to,omitempty"`
}

// Reloaded is what a reload did. With problems the old configuration runs on.
type Reloaded struct {
	OK       bool           `json:"ok"`
	Old      string         `json:"old"` // version that ran
	New      string         `json:"new"` // version that runs now
	Summary  string         `json:"summary"`
	Problems string         `json:"problems,omitempty"` // as text with carets
	Errors   int            `json:"errors"`
	Stranded []process.Fate `json:"stranded,omitempty"` // instances that the new configuration has no place for
	Warnings []string       `json:"warnings,omitempty"`
}

// Outcome is what the audit log says of it.
func (r *Reloaded) Outcome() string {
	if r.OK {
		return "done"
	}
	return "refused: " + r.Summary
}
