// Package api is the admin API, as both ends have it: the calls with who may make them and what they answer, the problems, the control
// socket and the client.
package api

import (
	"net/http"
	"net/url"
	"strings"

	"orderhub/cmd/hub/internal/erase"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/trust"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/process"
)

// Call is one call of the API; A is its answer.
type Call[A any] struct{ Declared }

// Declared is what is said of a call: how it is made, by whom, and what it takes.
type Declared struct {
	Method, Path string
	Act          string     // names what it does in the audit log; "": it looks only
	Role         trust.Role // whoever makes it has this one, or a higher one
	Query        []string   // the names that it takes in its query beside Common; "header." is a beginning of names
	Takes        any        // a zero value of what its body is; nil: it has none
}

// View is the act of looking at bodies.
const View = "view"

// Common are the names that every call takes in its query: who acts and why, for the audit log, and whether what schemas mark as personal is shown.
var Common = []string{"by", "why", "personal"}

// looks is a call that changes nothing.
func looks[A any](path string, role trust.Role, query ...string) Call[A] {
	return Call[A]{Declared{Method: http.MethodGet, Path: path, Role: role, Query: query}}
}

// acts is a call that changes something.
func acts[A any](path, act string, role trust.Role, takes any, query ...string) Call[A] {
	return Call[A]{Declared{http.MethodPost, path, act, role, query, takes}}
}

// Of is the call with the name in its path.
func (c Call[A]) Of(name string) Call[A] {
	c.Path = strings.Replace(c.Path, "{name}", url.PathEscape(name), 1)
	return c
}

// The calls that look at the hub.
var (
	GetVersion       = looks[*Version]("/version", trust.Viewer)
	GetStatus        = looks[*Status]("/status", trust.Viewer)
	GetAdapters      = looks[[]Adapter]("/adapters", trust.Viewer)
	GetAlerts        = looks[[]alert.Entry]("/alerts", trust.Viewer)
	GetGraph         = looks[*Graph]("/graph", trust.Viewer, "format")
	GetTrace         = looks[*Trace]("/trace", trust.Viewer, "id", "full")
	GetDead          = looks[[]Stored]("/dead", trust.Viewer, "group", "id", "seq", "after", "limit", "full")
	GetDeadGroups    = looks[[]DeadGroup]("/dead/groups", trust.Viewer)
	GetRefused       = looks[[]hub.Refusal]("/refused", trust.Viewer, "id", "source", "reason", "order", "before", "limit", "full")
	GetRefusedCounts = looks[[]store.RefusalCount]("/refused/counts", trust.Viewer)
	GetInstances     = looks[*Instances]("/instances", trust.Viewer, "process", "state", "older", "stuck", "early", "after", "limit")
	GetInstance      = looks[*process.View]("/instance", trust.Viewer, "id", "full")
	GetTasks         = looks[[]process.OpenTask]("/tasks", trust.Viewer, "group", "process", "late", "limit")
	GetTask          = looks[*process.OpenTask]("/task", trust.Viewer, "id")
	GetReport        = looks[[]Report]("/report", trust.Viewer, "process")
	GetAudit         = looks[*AuditPage]("/audit", trust.Operator, "who", "act", "on", "since", "until", "before", "after", "limit")
	GetChannels      = looks[[]Channel]("/channels", trust.Viewer)
	GetMessages      = looks[*ChannelPage]("/channels/{name}/messages", trust.Viewer, "id", "match", "older", "after", "limit", "full")
	GetFound         = looks[*Found]("/find", trust.Viewer, "order", "value", "field", "error", "partner", "recent", "pipeline", "scan", "since", "until", "before", "limit")
	GetConfig        = looks[*Config]("/config", trust.Viewer, "part", "revision")
	GetTables        = looks[[]TableStatus]("/tables", trust.Viewer)
	GetRows          = looks[*TableRows]("/tables/{name}/rows", trust.Viewer, "key", "match", "after", "limit")
	GetContents      = looks[*store.Contents]("/contents", trust.Operator)
	GetDoctor        = looks[*Checkup]("/doctor", trust.Operator)
	GetConfigs       = looks[[]ConfigRun]("/config/history", trust.Viewer)
	GetConfigChange  = looks[*ConfigChange]("/config/diff", trust.Viewer, "revision")
	PostTry          = Call[*Tried]{Declared{Method: http.MethodPost, Path: "/try", Role: trust.Operator, Takes: TryRequest{}}}
	PostDiff         = Call[*Diff]{Declared{Method: http.MethodPost, Path: "/diff", Role: trust.Admin, Takes: DiffRequest{}}}
)

// The calls that change something.
var (
	PostSilence    = acts[*alert.Entry]("/alerts/{name}/silence", "silence", trust.Operator, Silence{})
	PostBackup     = acts[*store.Contents]("/backup", "backup", trust.Admin, Backup{})
	PostForget     = acts[*erase.Found]("/forget", "forget", trust.Admin, Forget{})
	PostReload     = acts[*Reloaded]("/reload", "reload", trust.Admin, nil)
	PostRollback   = acts[*Reloaded]("/config/rollback", "roll back", trust.Admin, Rollback{})
	PostReplay     = acts[*Settled]("/dead/replay", "replay", trust.Operator, Replay{})
	PostDrop       = acts[*Settled]("/dead/drop", "drop", trust.Operator, DeadSelection{})
	PostMessage    = acts[*Sent]("/pipelines/{name}/messages", "send", trust.Operator, Document{}, "wait", "key", "header.", "param.")
	PostTransfer   = acts[*ChannelChanged]("/channels/{name}/move", "move messages", trust.Operator, ChannelChange{})
	PostPurge      = acts[*ChannelChanged]("/channels/{name}/purge", "purge", trust.Admin, ChannelChange{})
	PostPause      = acts[*PauseState]("/pipelines/{name}/pause", "pause", trust.Operator, nil)
	PostResume     = acts[*PauseState]("/pipelines/{name}/resume", "resume", trust.Operator, nil)
	PostSignal     = acts[*Acted]("/instances/signal", "signal", trust.Operator, ActRequest{})
	PostRetry      = acts[*Acted]("/instances/retry", "retry", trust.Operator, ActRequest{})
	PostCancel     = acts[*Acted]("/instances/cancel", "cancel", trust.Operator, ActRequest{})
	PostMove       = acts[*Acted]("/instances/move", "move", trust.Operator, ActRequest{})
	PostChange     = acts[*Acted]("/instances/set", "set", trust.Operator, ActRequest{})
	PostCall       = acts[*Called]("/instances/call", "call", trust.Operator, CallRequest{})
	PostClaim      = acts[*process.OpenTask]("/tasks/claim", "claim", trust.Operator, TaskRequest{})
	PostHandOver   = acts[*process.OpenTask]("/tasks/hand-over", "hand over", trust.Operator, TaskRequest{})
	PostTaskAnswer = acts[*Acted]("/tasks/answer", "answer", trust.Operator, TaskRequest{})
)

// Document is a body that is a message's own: any JSON, or any bytes.
type Document struct{}
