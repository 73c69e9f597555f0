package sandbox

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"orderhub/adapters/httpserver"
	"orderhub/pipelines"
)

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

// url is where the sample can be posted; "" when its pipeline has no such route, or one with parameters.
func (s *sample) url(addresses map[string]string) string {
	a := s.pipeline.From.Adapter
	path, posts := strings.CutPrefix(s.pipeline.From.Arg, "POST ")
	if a == nil || !a.Type.Server || addresses[a.Name] == "" || !posts || strings.Contains(path, "{") {
		return ""
	}
	return addresses[a.Name] + path
}

// TryIt is a line to paste that sends a sample order; "" without a sample.
func TryIt(p *pipelines.Plan, addresses map[string]string) string {
	other := ""
	for _, s := range samplesOf(p) {
		if s.pipeline.From.Adapter == nil || filepath.Ext(s.file) != ".json" {
			continue
		}
		if url := s.url(addresses); url != "" && verifyOf(s.pipeline) == nil {
			return fmt.Sprintf("curl -d @%s %s -H 'content-type: application/json'", s.file, url)
		}
		other = cmp.Or(other, fmt.Sprintf("hub send %s @%s", s.pipeline.Name, s.file))
	}
	return other
}

// verifyOf is how a route checks who sends; nil: it does not.
func verifyOf(p *pipelines.Pipeline) *httpserver.Verify {
	if cfg, ok := p.From.Options().(*httpserver.SourceConfig); ok {
		return cfg.Verify
	}
	return nil
}
