package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/stub"
)

// stubs answers what the configuration and the environment lack: a missing URL
// of an adapter by a partner of stub.World, a missing secret by a generated
// one. The world starts when it is first needed; close ends it.
//
// With strict a stub beside a real partner must be asked for by name: a
// misspelt address is no reason to charge nobody.
type stubs struct {
	off    bool     // missing values are errors
	real   bool     // start the world; else placeholders
	boxed  bool     // no broker is asked, whatever its address
	warn   bool     // a warning for each placeholder
	strict bool     // it is for a hub that works: see above
	asked  []string // adapters that a stub shall answer, or all

	world    *stub.World
	aimed    bool  // the shipping stub calls the hub back
	err      error // why it did not start
	stubbed  []string
	stored   []string        // brokers without an address: the store carries their channels and places
	outgoing map[string]bool // adapters with a URL of their own
	partners []string        // of these, the partners whose address is no default
	types    map[string]string
	secrets  map[string]string
}

const (
	allStubs    = "all"
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
	for _, name := range s.asked {
		if name != allStubs && !slices.Contains(s.stubbed, name) {
			loader.Problems.Add(yamlfile.Problem{File: path, Code: "E127", Message: fmt.Sprintf("--stubs %s: no adapter of that name lacks an address and has a stub", name),
				Help: "name some of " + strings.Join(s.stubbed, ", ") + ", or all"})
		}
	}
	if len(s.stubbed)+len(s.stored) > 0 {
		loader.Missing = s.missing
	}
}

// absent tells that the hub runs without the broker.
func (s *stubs) absent(adapter string) bool { return s.boxed || slices.Contains(s.stored, adapter) }

// scan finds the adapters that have no URL, before anything is loaded: only
// when there are some are missing secrets made up. A server's url is its own address, and no partner's.
func (s *stubs) scan(probe *yamlfile.Loader, path string) {
	s.stubbed, s.stored, s.partners, s.outgoing, s.types = nil, nil, nil, map[string]bool{}, map[string]string{}
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
			if (kind == "http-client" || kind == "smtp") && given(url.Raw()) {
				s.partners = append(s.partners, name)
			}
		}
	}
}

var (
	variable = regexp.MustCompile(`\$\{(\w+)`)
	loopback = regexp.MustCompile(`^\w+://([^@/]*@)?(localhost|127\.|\[::1\])`)
)

// given tells that an address was set: by variables that are set, not by their
// defaults, or in the file, not as one of this machine, which is a stand-in.
func given(raw string) bool {
	return !loopback.MatchString(raw) && !slices.ContainsFunc(variable.FindAllStringSubmatch(raw, -1), func(m []string) bool { return os.Getenv(m[1]) == "" })
}

// mayStub tells that a stub may answer an adapter that has no address.
func (s *stubs) mayStub(adapter string) bool {
	return !s.strict || len(s.partners) == 0 || slices.Contains(s.asked, allStubs) || slices.Contains(s.asked, adapter)
}

// maySecret tells that a secret may be made up: all partners are stubs, or only a stub will know it.
func (s *stubs) maySecret(path, adapter, name string) bool {
	switch {
	case !s.strict || len(s.partners) == 0:
		return true
	case strings.HasPrefix(path, "adapters."):
		return slices.Contains(s.stubbed, adapter)
	}
	return name == hookSecret && slices.ContainsFunc(s.stubbed, func(a string) bool { return s.service(a) == "shipping" && s.mayStub(a) })
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
		if !s.mayStub(adapter) {
			n.Errorf("E120", "export it, or ask for the stub: --stubs "+adapter, "%s is not set (adapter %s), and %s has an address: beside real partners nothing is stubbed in silence", ref, adapter, s.partners[0])
			return s.nobody(adapter), true
		}
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
	if !s.maySecret(path, adapter, name) {
		return "", false
	}
	if s.warn {
		n.Warnf("W122", "put it into secrets/"+name+" before production; `hub run` makes one up beside its stubs", "secret %q is not set", name)
	}
	return s.secret(name), true
}

// nowhere are addresses of brokers that are never asked.
var nowhere = map[string]string{"amqp": "amqp://" + placeholder, "kafka": placeholder, "stomp": "stomp://" + placeholder}

// nobody is an address for an adapter where nobody answers.
func (s *stubs) nobody(adapter string) string {
	if s.service(adapter) == "mail" {
		return "smtp://" + placeholder
	}
	return "http://" + placeholder
}

func (s *stubs) url(adapter string) (string, bool) {
	if !s.real {
		return s.nobody(adapter), true
	}
	if s.world == nil && s.err == nil {
		s.world, s.err = stub.Start(stub.Options{})
	}
	if s.err != nil {
		return "", false
	}
	url := s.world.URLs()[s.service(adapter)]
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
		return p.From.Adapter != nil && p.From.Adapter.Type.Server && p.From.Arg == "POST "+hookRoute
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
