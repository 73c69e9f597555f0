package system

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// TestHubsDiffer: each of two hubs on one store shows both, with what each runs and has, and tells of one that runs another configuration until it runs the same.
func TestHubsDiffer(t *testing.T) {
	t.Parallel()
	const config = `
hub: {name: pair, console: {address: none}}
adapters: {web: {type: http-server, listen: "${HUB_LISTEN}"}}
channels: {orders: {type: direct}, bills: {type: direct}}
pipelines:
  intake: {from: {web: POST /orders, public: true}, steps: [{reply: {status: 202}}, {send: orders}]}
  work: {from: orders, steps: [{send: bills}]}
  bill: {from: bills, steps: [{count: {name: bills}}]}
`
	dsn, _ := needPostgres(t)
	var east, west *site
	for name, s := range map[string]**site{"east": &east, "west": &west} {
		*s = newSite(t, "", stub.Options{})
		(*s).config = filepath.Join((*s).dir, "pair.yaml")
		(*s).env = append((*s).env, "HUB_STORE="+dsn, "HUB_INSTANCE="+name)
	}
	write := func(s *site, text string) {
		t.Helper()
		if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(east, config)
	write(west, config+"# another one\n")
	east.start()
	west.start()
	type hub struct {
		Hub, Version, Revision string
		This                   bool
		Queues                 []string
	}
	var v struct {
		Hubs      []hub
		Revision  string
		Attention []struct{ What, Of, Text string }
	}
	sees := func(what string, s *site, ok func() bool) {
		t.Helper()
		hubtest.Until(t, what, func() bool {
			v.Hubs, v.Attention = nil, nil
			s.ask(&v, "status")
			return ok()
		})
	}
	for _, s := range []*site{east, west} {
		other := map[*site]string{east: "west", west: "east"}[s]
		sees("both are there, and differ", s, func() bool {
			return len(v.Hubs) == 2 && v.Hubs[0].Hub == "east" && v.Hubs[1].Hub == "west" && v.Hubs[0].This == (s == east) && v.Hubs[1].This == (s == west) &&
				v.Hubs[0].Revision != v.Hubs[1].Revision && len(v.Attention) == 1 && v.Attention[0].What == "hubs" && v.Attention[0].Of == "hub "+other
		})
		has(t, v.Attention[0].Text, v.Hubs[0].Revision, v.Hubs[1].Revision)
	}
	sees("each queue has one owner, and each hub has some", east, func() bool {
		all := strings.Join(v.Hubs[0].Queues, " ") + " " + strings.Join(v.Hubs[1].Queues, " ")
		return strings.Count(all, "orders") == 1 && strings.Count(all, "bills") == 1 && len(v.Hubs[0].Queues) > 0 && len(v.Hubs[1].Queues) > 0
	})
	out, err := east.hub("status")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "east (this one)", "west", "HUB", "runs configuration "+v.Hubs[1].Revision+", this one "+v.Revision)
	hubtest.Until(t, "the log tells of it", func() bool { return strings.Contains(east.tail(), "another hub on this store runs configuration") })

	write(west, config)
	if out, err := west.hub("reload"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range []*site{east, west} {
		sees("both run the same", s, func() bool {
			return len(v.Hubs) == 2 && len(v.Attention) == 0 && v.Hubs[0].Revision == v.Hubs[1].Revision && v.Hubs[0].Version == v.Hubs[1].Version
		})
	}
	if _, err := west.stop(); err != nil {
		t.Fatal(err)
	}
	sees("the one that stopped is gone", east, func() bool {
		return len(v.Hubs) == 1 && v.Hubs[0].Hub == "east" && slices.Contains(v.Hubs[0].Queues, "orders") && slices.Contains(v.Hubs[0].Queues, "bills")
	})
}
