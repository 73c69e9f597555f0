// Package figures holds what a hub counts and tells of itself in numbers: the
// families of figures, and the series that are counted while messages pass. It
// knows of no exporter: the daemon gathers them with what it looks up, and
// Prometheus, `hub status` and whoever watches the hub read what it gathered.
package figures

import "time"

// Family is a kind of figure: all series of one name. Values are whole numbers of
// ticks, so that counting is an atomic addition: a tick is a part of the unit that
// the name ends with: PerUnit of them make one.
type Family struct {
	Name    string // by the conventions of Prometheus: hub_, the unit, _total where it only grows
	Help    string
	Labels  []string
	Kind    Kind
	PerUnit int64   // ticks in a unit; 0: 1
	Bounds  []int64 // of a Histogram's buckets, in ticks, ascending
	Fresh   bool    // it begins anew with each start of the hub
	Largest bool    // of a Gauge: the largest of the series past the limit stands for them all, not their sum
}

// Kind is how the values of a family behave.
type Kind uint8

// Kinds of families.
const (
	Counter   Kind = iota // it grows, and is kept over restarts
	Histogram             // likewise: how many observations were how large
	Gauge                 // it is as it is now, and looked up when somebody asks
)

// seconds makes a tick of a family a nanosecond.
const seconds = int64(time.Second)

// InUnits are ticks in the unit of the family's name.
func (f *Family) InUnits(ticks int64) float64 { return float64(ticks) / float64(max(f.PerUnit, 1)) }

// durations are the buckets of what a message waits for, from a pass-through in memory to a partner that is slow.
var durations = ticks(50*time.Microsecond, 100*time.Microsecond, 250*time.Microsecond, 500*time.Microsecond, time.Millisecond, 2500*time.Microsecond,
	5*time.Millisecond, 10*time.Millisecond, 25*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond, 250*time.Millisecond, 500*time.Millisecond,
	time.Second, 2500*time.Millisecond, 5*time.Second, 10*time.Second, 30*time.Second, time.Minute)

func ticks(ds ...time.Duration) (out []int64) {
	for _, d := range ds {
		out = append(out, int64(d))
	}
	return out
}

// Done is the label `result` of what went well; else it is the class of the error.
const Done = "done"

// What is counted while messages pass.
var (
	Messages = &Family{Name: "hub_messages_total", Labels: []string{"pipeline", "stage", "result"},
		Help: "Messages that a stage has handled; result is done, or the class of the error."}
	StageDuration = &Family{Name: "hub_stage_duration_seconds", Labels: []string{"pipeline", "stage"}, Kind: Histogram, PerUnit: seconds, Bounds: durations,
		Help: "How long a stage took for a message, its commit included."}
	DeadLetters = &Family{Name: "hub_dead_letters_total", Labels: []string{"pipeline", "stage", "class"},
		Help: "Messages that became dead letters, by the class of the error."}
	Requests = &Family{Name: "hub_adapter_requests_total", Labels: []string{"adapter", "operation", "result"},
		Help: "Calls and sends to far ends; result is done, or the class of the error."}
	RequestDuration = &Family{Name: "hub_adapter_duration_seconds", Labels: []string{"adapter", "operation"}, Kind: Histogram, PerUnit: seconds, Bounds: durations,
		Help: "How long a far end took to answer a call, or to confirm a send."}
	Unkept = &Family{Name: "hub_history_unkept_total",
		Help: "Messages that passed through and whose history is not kept: they came faster than the store writes."}
	Spans = &Family{Name: "hub_spans_total", Labels: []string{"result"}, Fresh: true,
		Help: "Spans for the OpenTelemetry collector; result is sent, or lost where it did not take them."}
	CommitUnits = &Family{Name: "hub_store_commit_units", Kind: Histogram, Fresh: true, Bounds: []int64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		Help: "Units of work that shared one transaction of the store (group commit)."}
	CommitDuration = &Family{Name: "hub_store_commit_duration_seconds", Kind: Histogram, Fresh: true, PerUnit: seconds, Bounds: durations,
		Help: "How long a transaction of the store took, its flush to disk included."}
)

// What is looked up when somebody asks.
var (
	Running = &Family{Name: "hub_stage_running", Labels: []string{"pipeline", "stage"}, Kind: Gauge,
		Help: "Messages that the stage handles now."}
	Paused = &Family{Name: "hub_stage_paused", Labels: []string{"pipeline", "stage"}, Kind: Gauge, Largest: true,
		Help: "1 while the stage is paused."}
	Queued = &Family{Name: "hub_queue_messages", Labels: []string{"queue", "state"}, Kind: Gauge,
		Help: "Messages that lie in a queue; state is ready, waiting, held or dead."}
	Oldest = &Family{Name: "hub_queue_oldest_age_seconds", Labels: []string{"queue"}, Kind: Gauge, PerUnit: seconds, Largest: true,
		Help: "Age of the oldest message of a queue that is not dead."}
	Refused = &Family{Name: "hub_refused_total", Labels: []string{"source", "reason"}, Kind: Counter,
		Help: "Inputs that were refused at the door."}
	Counted = &Family{Name: "hub_counted_total", Labels: []string{"counter", "key"}, Kind: Counter,
		Help: "What the steps `count` have counted."}
	Instances = &Family{Name: "hub_process_instances", Labels: []string{"process", "state"}, Kind: Gauge,
		Help: "Instances of a process that are in a state."}
	Stuck = &Family{Name: "hub_process_stuck", Labels: []string{"process"}, Kind: Gauge,
		Help: "Instances of a process that failed and wait for a person; at most 1,000 are counted."}
	Tasks = &Family{Name: "hub_process_tasks", Labels: []string{"process", "state"}, Kind: Gauge,
		Help: "Open tasks of people; state is open, or late for those past their time."}
	Up = &Family{Name: "hub_up", Labels: []string{"kind", "part"}, Kind: Gauge,
		Help: "1 while a part of the hub (adapter, store, queue) works, 0 while it fails."}
	Breaker = &Family{Name: "hub_breaker_state", Labels: []string{"adapter", "state"}, Kind: Gauge, Largest: true,
		Help: "1 for the state that the circuit breaker is in: closed, half-open or open."}
	Lag = &Family{Name: "hub_source_lag", Labels: []string{"adapter", "source", "partition"}, Kind: Gauge,
		Help: "Inputs at the far end that the source has not taken yet: messages, files or rows."}
	Expiry = &Family{Name: "hub_certificate_expiry_timestamp_seconds", Labels: []string{"adapter", "certificate"}, Kind: Gauge, Largest: true,
		Help: "When a certificate ends, in Unix time: of the hub, or of a far end as it showed it at the last connection."}
	StoreSize = &Family{Name: "hub_store_size_bytes", Labels: []string{"part"}, Kind: Gauge,
		Help: "Size of the store; part is data, or log for the write-ahead log."}
	StoreFree = &Family{Name: "hub_store_free_bytes", Kind: Gauge,
		Help: "What is free of the disk that the store lies on; none where the store is elsewhere."}
	Ready = &Family{Name: "hub_ready", Kind: Gauge,
		Help: "1 while the hub takes messages from outside, as /readyz says."}
	Gathered = &Family{Name: "hub_gathered", Labels: []string{"part"}, Kind: Gauge,
		Help: "1 for each part (store, or an adapter) whose figures could be looked up, 0 where that failed."}
	Build = &Family{Name: "hub_build_info", Labels: []string{"version", "commit", "go"}, Kind: Gauge,
		Help: "Always 1; the labels say what the binary is."}
	Config = &Family{Name: "hub_config_info", Labels: []string{"hub", "revision"}, Kind: Gauge,
		Help: "Always 1; the labels say which configuration runs."}
	Loaded = &Family{Name: "hub_config_loaded_timestamp_seconds", Kind: Gauge,
		Help: "When the configuration that runs was begun, in Unix time."}
	ReloadOK = &Family{Name: "hub_config_last_reload_ok", Kind: Gauge,
		Help: "1 when the last reload went well, or none was asked for; 0 when it was refused."}
)

// Families are all families, in the order in which the page of metrics has them.
func Families() []*Family {
	return []*Family{Messages, StageDuration, Running, Paused, DeadLetters, Refused, Counted,
		Requests, RequestDuration, Up, Breaker, Lag, Expiry,
		Queued, Oldest, Instances, Stuck, Tasks,
		CommitUnits, CommitDuration, StoreSize, StoreFree,
		Unkept, Spans, Ready, Gathered, Build, Config, Loaded, ReloadOK}
}
