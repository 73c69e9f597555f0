package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/stub"
)

// stubs answers what the configuration and the environment lack: a missing URL
// of an adapter by a partner of stub.World, a missing secret by a generated
// one. The world starts when it is first needed; close ends it.
type stubs struct {
	off   bool // missing values are errors
	real  bool // start the world; else placeholders
	boxed bool // no broker is asked, whatever its address
	warn  bool // a warning for each placeholder

	world    *stub.World
	aimed    bool  // the shipping stub calls the hub back
	err      error // why it did not start
	stubbed  []string
	stored   []string        // brokers without an address: the store carries their channels and places
	outgoing map[string]bool // adapters with a URL of their own
	types    map[string]string
	secrets  map[string]string
}

const (
	placeholder = "127.0.0.1:1"
	hookRoute   = "/hooks/shipping"
	hookSecret  = "shipping-hook"
	server      = "http-server"
)

// brokers are the types of adapters that the store stands in for.
var brokers = []string{"amqp", "kafka", "stomp"}

// services are the partners of stub.World that an adapter's name may mean.
var services = []string{"billing", "shipping", "shipping-new", "courier", "catalog", "stock", "mail"}

// serve makes the loader ask s for what is missing in the file at path.
func (s *stubs) serve(loader *yamlfile.Loader, path string) {
	if s.off {
		return
	}
	if s.secrets == nil {
		s.secrets = map[string]string{}
	}
	s.scan(loader.Again(), path)
	if len(s.stubbed)+len(s.stored) > 0 {
		loader.Missing = s.missing
	}
}

// absent tells that the hub runs without the broker.
func (s *stubs) absent(adapter string) bool { return s.boxed || slices.Contains(s.stored, adapter) }

// scan finds the adapters that have no URL, before anything is loaded: only
// when there are some are missing secrets made up. A server's url is its own address, and no partner's.
func (s *stubs) scan(probe *yamlfile.Loader, path string) {
	s.stubbed, s.stored, s.outgoing, s.types = nil, nil, map[string]bool{}, map[string]string{}
	absent := false
	probe.Missing = func(*yamlfile.Node, string) (string, bool) { absent = true; return placeholder, true }
	root, ok := probe.ReadFile(path)
	if !ok {
		return
	}
	for key, value := range root.Get("adapters").Entries() {
		url := cmp.Or(value.Get("url"), value.Get("brokers"))
		name, kind := key.Raw(), value.Get("type").Raw()
		if url == nil || kind == server {
			continue
		}
		absent = false
		text, _ := url.Text()
		absent = absent || text == "" && url.Kind() == yamlfile.Scalar // ${KAFKA_BROKERS} may be set, and empty
		s.types[name] = kind
		switch {
		case absent && slices.Contains(brokers, s.types[name]):
			s.stored = append(s.stored, name)
		case absent && s.service(name) != "":
			s.stubbed = append(s.stubbed, name)
		default:
			s.outgoing[name] = true
		}
	}
}

// service is the partner that stands in for an adapter; "" for none.
func (s *stubs) service(adapter string) string {
	if s.types[adapter] == "smtp" {
		return "mail"
	}
	for _, name := range []string{adapter, before(adapter, "-")} {
		if slices.Contains(services, name) && name != "mail" {
			return name
		}
	}
	return ""
}

func before(text, sep string) string {
	head, _, _ := strings.Cut(text, sep)
	return head
}

func (s *stubs) missing(n *yamlfile.Node, ref string) (string, bool) {
	path := n.Path()
	adapter := before(strings.TrimPrefix(path, "adapters."), ".")
	if path == "adapters."+adapter+".url" && slices.Contains(s.stubbed, adapter) {
		url, ok := s.url(adapter)
		if ok && s.warn {
			n.Warnf("W120", "export it before production; `hub run` answers it by a stub", "%s is not set (adapter %s)", ref, adapter)
		}
		return url, ok
	}
	if (path == "adapters."+adapter+".url" || path == "adapters."+adapter+".brokers") && s.absent(adapter) {
		if s.warn {
			n.Warnf("W121", "export it to use the broker; without it the hub's own store carries what "+adapter+" would", "%s is not set (adapter %s)", ref, adapter)
		}
		return nowhere[s.types[adapter]], true
	}
	name, isSecret := strings.CutPrefix(ref, "secret:")
	if !isSecret || strings.HasPrefix(path, "adapters.") && s.outgoing[adapter] {
		return "", false // a real partner gets no made-up secret
	}
	if s.warn {
		n.Warnf("W122", "put it into secrets/"+name+" before production; `hub run` makes one up beside its stubs", "secret %q is not set", name)
	}
	return s.secret(name), true
}

// nowhere are addresses of brokers that are never asked.
var nowhere = map[string]string{"amqp": "amqp://" + placeholder, "kafka": placeholder, "stomp": "stomp://" + placeholder}

func (s *stubs) url(adapter string) (string, bool) {
	service := s.service(adapter)
	if !s.real {
		if service == "mail" {
			return "smtp://" + placeholder, true
		}
		return "http://" + placeholder, true
	}
	if s.world == nil && s.err == nil {
		s.world, s.err = stub.Start(stub.Options{})
	}
	if s.err != nil {
		return "", false
	}
	url := s.world.URLs()[service]
	return url, url != ""
}

// secret is the made-up value of a secret, the same for as long as s lives.
func (s *stubs) secret(name string) string {
	if s.secrets[name] == "" {
		b := make([]byte, 24)
		rand.Read(b) // never fails
		s.secrets[name] = hex.EncodeToString(b)
	}
	return s.secrets[name]
}

// aim makes the shipping stub call back the plan's own webhook at base.
func (s *stubs) aim(plan *pipelines.Plan, base string) {
	if s.world == nil {
		return
	}
	has := slices.ContainsFunc(plan.Pipelines, func(p *pipelines.Pipeline) bool {
		return p.From.Adapter != nil && p.From.Adapter.Type.Name == server && p.From.Arg == "POST "+hookRoute
	})
	if s.aimed = base != "" && has; !s.aimed {
		s.world.SetWebhook("", "")
		return
	}
	s.world.SetWebhook(base+hookRoute, s.resolve(hookSecret))
}

// resolve is a secret's value as the configuration sees it.
func (s *stubs) resolve(name string) string {
	loader := yamlfile.NewLoader()
	loader.Missing = func(*yamlfile.Node, string) (string, bool) { return s.secret(name), true }
	root, ok := loader.Parse("secret", []byte("value: secret:"+name))
	if !ok {
		return ""
	}
	text, _ := root.Get("value").Text()
	return text
}

func (s *stubs) close() {
	if s.world != nil {
		s.world.Close(context.Background())
	}
}
