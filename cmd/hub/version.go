package main

import (
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker: -X main.release=1.0.0.
var release = "dev"

type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Language int    `json:"language"` // of the configuration
}

func buildVersion() versionInfo {
	v := versionInfo{Version: release, Go: runtime.Version(), Language: 1}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this binary", Args: between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if c.IsJSON() {
				return c.PrintJSON(v)
			}
			c.Print("hub %s %s language %d", v.Version, v.Go, v.Language)
			return nil
		},
	}
}

func (a *admin) version(*http.Request) (any, error) { return buildVersion(), nil }
