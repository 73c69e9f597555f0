package api

import "time"

// Config is a configuration as its files have it. Passwords in them are shown as stars.
type Config struct {
	Revision string       `json:"revision"`
	Loaded   time.Time    `json:"loaded"` // start of it
	Files    []ConfigFile `json:"files"`
}

// ConfigFile is a file of a configuration, or a part of it.
type ConfigFile struct {
	File  string   `json:"file"`
	First int      `json:"first_line"` // number of the first of Lines
	Lines []string `json:"lines"`
}

// ConfigRun is a configuration that the store keeps.
type ConfigRun struct {
	Revision string    `json:"revision"`
	First    time.Time `json:"first"`              // when it was kept
	Last     time.Time `json:"last,omitzero"`      // when it began the last time; zero: it never ran
	Runs     int       `json:"runs"`               // how often it began
	Withheld bool      `json:"withheld,omitempty"` // its text is not kept, since the value of a secret stands in it
}

// ConfigChange is what another configuration would change of the one that runs.
type ConfigChange struct {
	From     string   `json:"from"`
	To       string   `json:"to,omitempty"` // revision; "": it has a fault
	Lines    []string `json:"diff"`         // of unified diffs, each behind the name of its file
	Problems string   `json:"problems,omitempty"`
}

// Rollback asks for a configuration that ran before.
type Rollback struct {
	Revision string `json:"revision"`
}
