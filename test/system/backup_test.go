package system

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// TestRestoreDrill: a backup under load, kill -9, and a restore elsewhere. Every order that was accepted before the backup's instant is there; those that were
// accepted later are sent again, as the page says; and of all of them the partners did everything once.
func TestRestoreDrill(t *testing.T) {
	for name, stores := range map[string]func(t *testing.T) (from, to string){
		"sqlite": func(t *testing.T) (from, to string) {
			return "sqlite:" + filepath.Join(t.TempDir(), "hub.db"), "sqlite:" + filepath.Join(t.TempDir(), "elsewhere", "hub.db")
		},
		"postgres": func(t *testing.T) (from, to string) {
			from, _ = needPostgres(t)
			to, _ = needPostgres(t)
			return from, to
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := stores(t)
			s := newSite(t, "", stub.Options{})
			s.edit(steady...)
			s.env = append(slices.Clone(s.env), "HUB_STORE="+from)
			s.start()
			l := newLoad(s, times("HUB_TEST_RATE", 50), "B")
			l.some(40)
			before := l.orders()
			file := filepath.Join(t.TempDir(), "backup")
			out, err := s.hub("backup", file, "--why", "the drill")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			l.some(40)
			s.kill()
			l.stop()
			if out, err := s.hub("verify", file); err != nil {
				t.Errorf("%v\n%s", err, out)
			}

			elsewhere := *s
			elsewhere.dir, elsewhere.process, elsewhere.addr = t.TempDir(), nil, hubtest.FreePort(t)
			elsewhere.env = append(slices.Clone(s.env), "HUB_STORE="+to, "HUB_HOME="+elsewhere.dir, "HUB_LISTEN="+elsewhere.addr)
			s = &elsewhere
			s.world.SetWebhook("http://"+s.addr+"/hooks/shipping", hookSecret)
			out, err = s.hub("restore", file, "--to", to)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			has(t, out, "must not run any more", "Idempotency-Keys")
			if out, err := s.hub("restore", file, "--to", to); exitCode(err) != 78 || !strings.Contains(out, "already") {
				t.Errorf("restored twice: %v\n%s", err, out)
			}
			s.start()
			t.Cleanup(func() {
				if s.process != nil {
					s.kill()
				}
			})
			for _, id := range before {
				if s.view(id).ID != id {
					t.Errorf("order %s is not there", id)
				}
			}
			if out, err := s.hub("verify"); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%d orders before the backup, %d in all", len(before), len(l.orders()))
			l.s, l.done = s, make(chan struct{})
			for _, id := range l.orders() {
				if !slices.Contains(before, id) {
					l.order(id)
				}
			}
			l.quarantine = true
			l.judge(t)
			if out, _ := s.hub("audit", "list"); !strings.Contains(out, "restore") || !strings.Contains(out, file) {
				t.Errorf("the audit log:\n%s", out)
			}
			s.end()
			if out, err := s.hub("verify", to); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// orders are those that were accepted so far.
func (l *load) orders() (ids []string) {
	l.accepted.Range(func(k, _ any) bool { ids = append(ids, k.(string)); return true })
	slices.Sort(ids)
	return ids
}
