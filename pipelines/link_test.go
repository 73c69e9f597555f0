package pipelines_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/yamlfile"
)

// door is a server that signs the links of one path.
type door struct{ path string }

func (*door) OpenSource(string, any) (hub.Source, error) { return quiet{}, nil }

type quiet struct{}

func (quiet) Run(ctx context.Context, _ hub.Handler) error { <-ctx.Done(); return nil }

func (d *door) Link(path string, expires time.Time) (string, error) {
	if path != d.path {
		return "", fmt.Errorf("%s: %w", path, hub.ErrNotFound)
	}
	return "https://door" + path + "?until=" + expires.UTC().Format(time.DateTime), nil
}

type doorConfig struct {
	Path    string `yaml:"path" doc:"whose links it signs"`
	LinkKey string `yaml:"link_key" doc:"signs links"`
}

type doorOptions struct {
	Verify map[string]string `yaml:"verify" doc:"how senders prove who they are"`
}

func doors() pipelines.Registry {
	reg := language()
	reg.Components = append(reg.Components, hub.Component{Name: "door", Config: func() any { return &doorConfig{} }, Source: func() any { return &doorOptions{} },
		Answers: true, Open: func(cfg any, _ *hub.Env) (*hub.Adapter, error) {
			d := &door{cfg.(*doorConfig).Path}
			return &hub.Adapter{Source: d.OpenSource, Link: d.Link}, nil
		}})
	return reg
}

// linking is a pipeline that makes a link, in a configuration with these doors and routes.
func linking(adapters, routes string) string {
	return "adapters:\n  " + strings.ReplaceAll(adapters, "; ", "\n  ") + `
channels: {a: {type: direct}, b: {type: direct}}
pipelines:
  p: {from: a, steps: [{send: b, with: {at: '=link("/orders/" + body.id, body.for)'}}]}
  ` + strings.ReplaceAll(routes, "; ", "\n  ") + "\n"
}

const (
	behindFront = `front-page: {from: {front: GET /x, verify: {token: link}}, steps: [{reply: 200}]}`
	behindBack  = `back-page: {from: {back: GET /y, verify: {token: link}}, steps: [{reply: 200}]}`
	behindFake  = `fake-page: {from: {web: GET /z, verify: {token: link}}, steps: [{reply: 200}]}`
)

func TestLinks(t *testing.T) {
	both := "front: {type: door, path: /orders/F, link_key: k}; back: {type: door, path: /orders/B, link_key: k}"
	for name, c := range map[string]struct{ adapters, routes, body, sent, dead string }{
		"signed by who takes it":  {both, behindFront + "; " + behindBack, `{"id":"B","for":"14d"}`, `{"at":"https://door/orders/B?until=`, ""},
		"nobody takes it there":   {both, behindFront + "; " + behindBack, `{"id":"C","for":"14d"}`, "", "no route takes signed links at /orders/C"},
		"no duration":             {both, behindFront + "; " + behindBack, `{"id":"B","for":"soon"}`, "", "how long it is good"},
		"a server without links":  {both, behindFront + "; back-page: {from: {back: GET /y}, steps: [{reply: 200}]}", `{"id":"B","for":"1d"}`, "", "no route takes signed links at /orders/B"},
		"the far ends are played": {"played: {type: played, link_key: k}", strings.Replace(behindFake, "web", "played", 1), `{"id":"B","for":"1d"}`, `{"at":"/orders/B"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			reg := doors()
			played := reg.Components[len(reg.Components)-1]
			played.Name, played.Open = "played", func(any, *hub.Env) (*hub.Adapter, error) { return &hub.Adapter{Source: (&door{}).OpenSource}, nil }
			reg.Components = append(reg.Components, played)
			h := patterntest.Start(t, patterntest.Config{YAML: linking(c.adapters, c.routes), Registry: reg})
			h.Put("a", h.Message("M", c.body))
			h.Settle()
			want := c.sent
			if strings.HasSuffix(want, "=") {
				want += h.Clock.Now().Add(14*24*time.Hour).UTC().Format(time.DateTime) + `"}`
			}
			if got := strings.Join(h.WaitingBodies("b"), " "); got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
			dead := h.Dead()
			if len(dead) != 0 && c.dead == "" || c.dead != "" && (len(dead) != 1 || !strings.Contains(dead[0].Error.Message, c.dead)) {
				t.Errorf("dead letters %v, want %q", dead, c.dead)
			}
		})
	}
}

// Links that a restart kills are told once for each server.
func TestLinkKeys(t *testing.T) {
	for name, c := range map[string]struct {
		adapters, routes string
		told             int
	}{
		"with a key":         {"front: {type: door, link_key: k}", behindFront, 0},
		"without":            {"front: {type: door}", behindFront, 1},
		"two routes":         {"front: {type: door}", behindFront + "; " + strings.Replace(behindFront, "front-page", "second", 1), 1},
		"two servers":        {"front: {type: door}; back: {type: door}", behindFront + "; " + behindBack, 2},
		"one of two with it": {"front: {type: door}; back: {type: door, link_key: k}", behindFront + "; " + behindBack, 1},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pipelines.yaml")
			if err := os.WriteFile(file, []byte(linking(c.adapters, c.routes)), 0o600); err != nil {
				t.Fatal(err)
			}
			reg := doors()
			_, problems := pipelines.Load(file, &reg, yamlfile.NewLoader())
			told := 0
			for _, p := range problems.All() {
				if p.Code == "W218" {
					told++
				} else if p.Code[0] == 'E' {
					t.Error(p)
				}
			}
			if told != c.told {
				t.Errorf("told %d times, want %d", told, c.told)
			}
		})
	}
}
