// Package api is the admin API on the control socket, as both ends have it: the
// calls with what they answer, the problems, the socket and the client.
package api

import (
	"net/http"
	"net/url"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/process"
)

// Call is one call of the API; A is its answer. Act names what it does in the audit log; "": it looks only.
type Call[A any] struct{ Method, Path, Act string }

// Of is the call with the name in its path.
func (c Call[A]) Of(name string) Call[A] {
	c.Path = strings.Replace(c.Path, "{name}", url.PathEscape(name), 1)
	return c
}

// The calls that look at the hub.
var (
	GetVersion       = Call[*Version]{http.MethodGet, "/version", ""}
	GetStatus        = Call[*Status]{http.MethodGet, "/status", ""}
	GetAdapters      = Call[[]Adapter]{http.MethodGet, "/adapters", ""}
	GetAlerts        = Call[[]alert.Entry]{http.MethodGet, "/alerts", ""}
	GetGraph         = Call[*Graph]{http.MethodGet, "/graph", ""}
	GetTrace         = Call[*Trace]{http.MethodGet, "/trace", ""}
	GetDead          = Call[[]Stored]{http.MethodGet, "/dead", ""}
	GetDeadGroups    = Call[[]DeadGroup]{http.MethodGet, "/dead/groups", ""}
	GetRefused       = Call[[]hub.Refusal]{http.MethodGet, "/refused", ""}
	GetRefusedCounts = Call[[]store.RefusalCount]{http.MethodGet, "/refused/counts", ""}
	GetInstances     = Call[*Instances]{http.MethodGet, "/instances", ""}
	GetInstance      = Call[*process.View]{http.MethodGet, "/instance", ""}
	GetTasks         = Call[[]process.OpenTask]{http.MethodGet, "/tasks", ""}
	GetTask          = Call[*process.OpenTask]{http.MethodGet, "/task", ""}
	GetReport        = Call[[]Report]{http.MethodGet, "/report", ""}
	GetAudit         = Call[*AuditPage]{http.MethodGet, "/audit", ""}
	GetChannels      = Call[[]Channel]{http.MethodGet, "/channels", ""}
	GetMessages      = Call[*ChannelPage]{http.MethodGet, "/channels/{name}/messages", ""}
	GetFound         = Call[*Found]{http.MethodGet, "/find", ""}
	GetTables        = Call[[]TableStatus]{http.MethodGet, "/tables", ""}
	GetRows          = Call[*TableRows]{http.MethodGet, "/tables/{name}/rows", ""}
	GetDoctor        = Call[*Checkup]{http.MethodGet, "/doctor", ""}
	PostDiff         = Call[*Diff]{http.MethodPost, "/diff", ""} // the body is a DiffRequest
)

// The calls that change something.
var (
	PostSilence    = Call[*alert.Entry]{http.MethodPost, "/alerts/{name}/silence", "silence"} // the body is a Silence
	PostReload     = Call[*Reloaded]{http.MethodPost, "/reload", "reload"}
	PostReplay     = Call[*Settled]{http.MethodPost, "/dead/replay", "replay"} // the body is a Replay
	PostDrop       = Call[*Settled]{http.MethodPost, "/dead/drop", "drop"}     // the body is a DeadSelection
	PostMessage    = Call[*Sent]{http.MethodPost, "/pipelines/{name}/messages", "send"}
	PostTransfer   = Call[*ChannelChanged]{http.MethodPost, "/channels/{name}/move", "move messages"} // the body is a ChannelChange
	PostPurge      = Call[*ChannelChanged]{http.MethodPost, "/channels/{name}/purge", "purge"}        // likewise
	PostPause      = Call[*PauseState]{http.MethodPost, "/pipelines/{name}/pause", "pause"}
	PostResume     = Call[*PauseState]{http.MethodPost, "/pipelines/{name}/resume", "resume"}
	PostSignal     = Call[*Acted]{http.MethodPost, "/instances/signal", "signal"}              // the body is an ActRequest
	PostRetry      = Call[*Acted]{http.MethodPost, "/instances/retry", "retry"}                // likewise
	PostCancel     = Call[*Acted]{http.MethodPost, "/instances/cancel", "cancel"}              // likewise
	PostMove       = Call[*Acted]{http.MethodPost, "/instances/move", "move"}                  // likewise
	PostChange     = Call[*Acted]{http.MethodPost, "/instances/set", "set"}                    // likewise
	PostCall       = Call[*Called]{http.MethodPost, "/instances/call", "call"}                 // the body is a CallRequest
	PostClaim      = Call[*process.OpenTask]{http.MethodPost, "/tasks/claim", "claim"}         // the body is a TaskRequest
	PostHandOver   = Call[*process.OpenTask]{http.MethodPost, "/tasks/hand-over", "hand over"} // likewise
	PostTaskAnswer = Call[*Acted]{http.MethodPost, "/tasks/answer", "answer"}                  // likewise
)
