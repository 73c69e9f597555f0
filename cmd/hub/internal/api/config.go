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
