package main

import (
	"github.com/spf13/cobra"

	"orderhub/pipelines/yamlfile"
)

// completePipelines gives the pipelines of the default configuration to the shell.
func completePipelines(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	root, ok := yamlfile.NewLoader().ReadFile(configPath(nil))
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return root.Get("pipelines").Keys(), cobra.ShellCompDirectiveNoFileComp
}
