package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines"
)

// player plays the samples of a configuration in a sandbox.
type player struct {
	box    *box
	daemon *daemon.Daemon
	plan   *pipelines.Plan
	played []played
	files  []string // dropped into folders
}

// played is a sample and what came of it.
type played struct {
	Sample string     `json:"sample"`
	Result string     `json:"result"`
	Trace  *api.Trace `json:"trace,omitempty"`
	root   string
}

// play sends every sample and waits until nothing moves any more, or tells what it waited for in vain.
func (p *player) play(ctx context.Context, wait time.Duration) (missing string, err error) {
	for _, s := range samplesOf(p.plan) {
		v := played{Sample: filepath.Base(s.file)}
		raw, err := os.ReadFile(s.file)
		if err != nil {
			return "", err
		}
		a := s.pipeline.From.Adapter
		if url := s.url(p.daemon.Addresses()); url != "" {
			v.Result, v.root, err = p.post(ctx, s, url, raw)
		} else if a != nil && a.Type.Finite {
			v.Result, err = "dropped into "+a.Name, p.drop(a.Name, v.Sample, raw)
		} else {
			v.Result = "not played: samples are for routes and folders"
		}
		if err != nil {
			return "", fmt.Errorf("sample %s: %w", v.Sample, err)
		}
		p.played = append(p.played, v)
	}
	return p.settle(ctx, wait), nil
}

func (p *player) post(ctx context.Context, s sample, url string, body []byte) (result, root string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if v := verifyOf(s.pipeline); v != nil {
		v.Sign(req, body, time.Now())
	}
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return fmt.Sprintf("%s  %s  %s", s.pipeline.From.Arg, res.Status, words.OneLine(string(answer), 200)), res.Header.Get("Hub-Trace"), err
}

// drop puts a file into a folder at once.
func (p *player) drop(adapter, name string, body []byte) error {
	dir := p.box.folder(adapter)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp := filepath.Join(p.box.dir, "drop-"+name)
	if err := os.WriteFile(temp, body, 0o600); err != nil {
		return err
	}
	p.files = append(p.files, filepath.Join(dir, name))
	return os.Rename(temp, filepath.Join(dir, name))
}

// settle waits until the files are taken, the queues are empty and the
// carriers have called back. What waits longer than that is no part of it.
// It gives what it waited for in vain, "" when all is quiet.
func (p *player) settle(ctx context.Context, wait time.Duration) string {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	deadline, missing, still := time.Now().Add(wait), "", 0
	p.daemon.Until(limited, 20*time.Millisecond, func() (bool, error) {
		if still++; limited.Err() == nil {
			missing = p.missing(ctx, deadline)
		}
		if missing != "" {
			still = 0
		}
		return still == 5, nil
	})
	return missing
}

// missing is what has yet to happen; "" when all is quiet but for what waits for a time after deadline.
func (p *player) missing(ctx context.Context, deadline time.Time) string {
	switch file := p.untaken(); {
	case file != "":
		return file + " was not taken"
	case !p.calledBack():
		return "the carrier did not call back"
	case !p.daemon.Quiet(ctx, deadline):
		return "messages are still on their way"
	}
	return ""
}

// untaken is a dropped file that is not read to its end yet; "" when all are. One that is being read is in a folder of its reader.
func (p *player) untaken() string {
	for _, f := range p.files {
		claimed, _ := filepath.Glob(filepath.Join(filepath.Dir(f), "*", "hub-*", filepath.Base(f))) // the pattern is well formed
		if config.Exists(f) || len(claimed) > 0 {
			return filepath.Base(f)
		}
	}
	return ""
}

// calledBack tells that each booking was followed by its two webhooks.
func (p *player) calledBack() bool {
	w := p.box.stubs.World
	if w == nil || !p.box.stubs.Aimed {
		return true
	}
	l := w.Ledger()
	return 2*(l.Count("shipping", "book")-l.Count("shipping", "cancel")) <= l.Count("shipping", "webhook")+l.Count("shipping", "webhook.gave_up")
}

// views are the samples with their traces, each message once.
func (p *player) views(ctx context.Context) []played {
	out := slices.Clone(p.played)
	shown := map[string]bool{}
	add := func(v *played, root string) {
		if root == "" || shown[root] {
			return
		}
		t, err := p.daemon.Trace(ctx, root)
		if err != nil {
			v.Result += "; " + err.Error() // refused: nothing is kept of it
			return
		}
		for _, r := range t.Roots {
			shown[r] = true
		}
		v.Trace = t
	}
	for i := range out {
		add(&out[i], out[i].root)
	}
	for _, r := range p.box.brought() {
		v := played{Sample: "from files", Result: r}
		if add(&v, r); v.Trace != nil {
			out = append(out, v)
		}
	}
	return out
}

// effects is what the partners did: "billing charge 3".
func (p *player) effects() []string {
	if p.box.stubs.World == nil {
		return nil
	}
	n := map[string]int{}
	for _, e := range p.box.stubs.World.Ledger().Effects("", "") {
		n[e.Service+" "+e.Op]++
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s %d", name, n[name]))
	}
	return out
}
