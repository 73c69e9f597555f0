package api

import (
	"encoding/json"
	"net/http"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// GetTap streams copies of messages: each line of its answer is a TapLine.
var GetTap = Call[TapLine]{Declared{http.MethodGet, "/tap/{name}", View, trust.Viewer, []string{"where", "limit", "for"}, nil}}

// TapLine is a copy of a message; or it says how many were missed, and why some were not asked for. The last one has End.
type TapLine struct {
	Copy   *Tapped `json:"copy,omitempty"`
	Missed int64   `json:"missed,omitempty"` // since the tap was opened: they came faster than they were read
	End    bool    `json:"end,omitempty"`
	Asked
}

// Tapped is a message as it passed.
type Tapped struct {
	Time        time.Time       `json:"time"`
	Place       string          `json:"place"` // the pipeline that took it, or the queue that it was put into
	ID          string          `json:"id"`
	Key         string          `json:"key,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Headers     hub.Headers     `json:"headers,omitempty"`
	Size        int             `json:"size"`           // of the body, in bytes
	Body        json.RawMessage `json:"body,omitempty"` // JSON as it is, anything else as a text; a body of more than 256 KiB is left out
}
