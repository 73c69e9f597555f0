package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines"
)

// ready is what `hub run -o json` prints when the hub answers.
type ready struct {
	Event    string            `json:"event"` // ready
	Version  string            `json:"version"`
	Config   string            `json:"config"`
	Revision string            `json:"revision"` // of the configuration
	Store    string            `json:"store"`
	Control  string            `json:"control"`
	URLs     map[string]string `json:"urls"`   // of the servers, by adapter
	Stubs    []string          `json:"stubs"`  // adapters that a stub answers
	Stored   []string          `json:"stored"` // brokers that the store stands in for
	Took     int64             `json:"ready_ms"`
}

// banner tells that the hub is ready, where, and what to try.
func (c *cli) banner(d *daemon, g *generation, after time.Duration) {
	if c.IsJSON() {
		c.PrintLine(ready{"ready", release, d.config, g.plan.Version, d.storage.shown(), d.socket, g.opened.Addresses,
			append([]string{}, d.stubs.stubbed...), append([]string{}, d.stubs.stored...), after.Milliseconds()})
		return
	}
	c.Say("hub %s  %s (%s)  valid in %s", release, d.config, sizes(g.plan), words.Took(g.took))
	state := ""
	if d.storage.fresh && d.storage.file != "" {
		state = " (new)"
	}
	c.Say("store     %s%s", d.storage.shown(), state)
	if len(d.stubs.stubbed) > 0 {
		c.Say("stubs     %s (no URL set)%s", strings.Join(d.stubs.stubbed, ", "), d.stubs.page())
	}
	if len(d.stubs.stored) > 0 {
		c.Say("brokers   %s (no URL set): the store carries their channels", strings.Join(d.stubs.stored, ", "))
	}
	for _, a := range g.plan.Adapters {
		if addr := g.opened.Addresses[a.Name]; addr != "" {
			c.Say("%-9s %s", a.Name, addr)
		}
	}
	c.Say("control   %s", d.socket)
	for name := range g.paused() {
		c.Say("paused    %s (hub resume %s)", name, name)
	}
	try := tryIt(g.plan, g.opened.Addresses)
	if try == "" {
		c.Say("ready in %s", words.Took(after))
		return
	}
	c.Say("ready in %s. Try it:\n  %s\n  hub trace last", words.Took(after), try)
}

// tryIt is a line to paste that sends a sample order; "" without a sample.
func tryIt(p *pipelines.Plan, addresses map[string]string) string {
	other := ""
	for _, s := range samplesOf(p) {
		if s.pipeline.From.Adapter == nil || filepath.Ext(s.file) != ".json" {
			continue
		}
		path, isPost := strings.CutPrefix(s.pipeline.From.Arg, "POST ")
		base := addresses[s.pipeline.From.Adapter.Name]
		if isPost && base != "" && verifyOf(s.pipeline) == nil && !strings.Contains(path, "{") {
			return fmt.Sprintf("curl -d @%s %s%s -H 'content-type: application/json'", s.file, base, path)
		}
		if other == "" {
			other = fmt.Sprintf("hub send %s @%s", s.pipeline.Name, s.file)
		}
	}
	return other
}

// page is where the stubs tell what they were asked.
func (s *stubs) page() string {
	if s.world == nil {
		return ""
	}
	url := s.world.URLs()["billing"]
	return "  what they got: " + url[:strings.LastIndex(url, "/")]
}

// sample is a message to play: samples/<pipeline>.<anything>.<json|csv> beside the configuration.
type sample struct {
	pipeline *pipelines.Pipeline
	file     string
}

// samplesOf are the samples beside the configuration, in the order of the pipelines and of their names.
func samplesOf(p *pipelines.Plan) []sample {
	files, err := filepath.Glob(filepath.Join(p.Dir, "samples", "*.*"))
	if err != nil {
		return nil
	}
	slices.Sort(files)
	var out []sample
	for _, f := range files {
		name := filepath.Base(f)
		var best *pipelines.Pipeline
		for _, pl := range p.Pipelines {
			if strings.HasPrefix(name, pl.Name+".") && (best == nil || len(pl.Name) > len(best.Name)) {
				best = pl
			}
		}
		if best != nil {
			out = append(out, sample{best, f})
		}
	}
	slices.SortStableFunc(out, func(a, b sample) int {
		return slices.Index(p.Pipelines, a.pipeline) - slices.Index(p.Pipelines, b.pipeline)
	})
	return out
}
