package api

// Verdicts of a check.
const (
	Well    = "ok"
	Soon    = "warning" // it works, and somebody should see to it
	Broken  = "problem"
	Unknown = "unknown"
)

// Checkup is what `hub doctor` finds.
type Checkup struct {
	Running bool    `json:"running"` // the hub that runs examined itself
	Checks  []Check `json:"checks"`
}

// Lines are the checks.
func (c *Checkup) Lines() any { return c.Checks }

// Check is one thing that a hub needs.
type Check struct {
	Name    string `json:"check"`
	Verdict string `json:"verdict"`
	Found   string `json:"found"`
	Do      string `json:"do,omitempty"`
}
