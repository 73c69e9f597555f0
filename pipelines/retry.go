package pipelines

import (
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/units"
)

// retrySettings is an entry of `retries:`: {times: 8, wait: 1s..5m, errors: [timeout]}.
type retrySettings struct {
	Times  int      `yaml:"times" min:"1" max:"100000" required:"true" doc:"tries after the first; then a dead letter"`
	Wait   string   `yaml:"wait" required:"true" doc:"pause before the first and the longest: 1s..5m"`
	Errors []string `yaml:"errors" doc:"error classes to retry; default timeout, unavailable, throttled"`
}

func (l *loading) readRetries(n *yamlfile.Node) {
	if n == nil {
		return
	}
	for key, value := range n.Entries() {
		if r := l.retryOf(key.Raw(), value); r != nil {
			l.retries[key.Raw()] = r
		} else {
			l.broken["retry "+key.Raw()] = true
		}
	}
}

func (l *loading) retryOf(name string, n *yamlfile.Node) *hub.Retry {
	var s retrySettings
	n.Decode(&s, "retry")
	r := &hub.Retry{Name: name, Times: s.Times}
	if w := n.Get("wait"); w != nil && s.Wait != "" {
		from, to, span := strings.Cut(s.Wait, "..")
		if !span {
			to = from
		}
		var err1, err2 error
		r.Min, err1 = units.ParseDuration(from)
		r.Max, err2 = units.ParseDuration(to)
		if err1 != nil || err2 != nil || r.Min <= 0 || r.Max < r.Min || r.Max > 30*24*time.Hour {
			w.Errorf("E214", "write 1s..5m: the first pause and the longest", "%q is no span of pauses", s.Wait)
			return nil
		}
	}
	for i, c := range s.Errors {
		r.Errors = append(r.Errors, hub.Class(c))
		if known := append(classNames(), l.failNames...); !slices.Contains(known, c) {
			item := n.Get("errors")
			if items := item.Items(); i < len(items) {
				item = items[i]
			}
			item.Errorf("E221", didYouMean(c, known), "unknown error class %q", c)
		}
	}
	return r
}

// retry finds the policy that n names, or reads one that stands there.
func (l *loading) retry(n *yamlfile.Node) *hub.Retry {
	if n.Kind() == yamlfile.Map {
		return l.retryOf("inline", n)
	}
	name := n.Str()
	if name == hub.Never.Name {
		return hub.Never
	}
	r := l.retries[name]
	if r == nil && name != "" && !l.broken["retry "+name] {
		n.Errorf("E215", didYouMean(name, append(sortedKeys(l.retries), "never")), "unknown retry %q", name)
	}
	l.used["retry "+name] = true
	return r
}
