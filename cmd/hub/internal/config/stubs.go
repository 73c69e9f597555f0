package config

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

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/stub"
)

// Stubs answers what the configuration and the environment lack: a missing URL
// of an adapter by a partner of stub.World, a missing secret by a generated
// one. The world starts when it is first needed; Close ends it.
//
// With Strict a stub beside a real partner must be asked for by name: a
// misspelt address is no reason to charge nobody.
type Stubs struct {
	Off    bool     // missing values are errors
	Real   bool     // start the world; else addresses where nobody answers
	Boxed  bool     // no broker is asked, whatever its address
	Warn   bool     // a warning for each missing value
	Strict bool     // it is for a hub that works: see above
	Asked  []string // adapters that a stub shall answer, or all

	World   *stub.World // nil: it did not start
	Aimed   bool        // the shipping stub calls the hub back
	Err     error       // why the world did not start
	Stubbed []string
	Stored  []string // brokers without an address: the store carries their channels and places

	outgoing map[string]bool // adapters with a URL of their own
	partners []string        // of these, the partners whose address is no default
	types    map[string]*hub.Component
	secrets  map[string]string
}

const (
	allStubs   = "all"
	hookRoute  = "/hooks/shipping"
	hookSecret = "shipping-hook"
	mail       = "mail"
	nobody     = "http://127.0.0.1:1" // where nobody answers
)

// services are the partners of stub.World that an adapter's name may mean.
var services = []string{"billing", "shipping", "shipping-new", "courier", "catalog", "stock", mail}

// serve makes the loader ask s for what is missing in the file at path.
func (s *Stubs) serve(loader *yamlfile.Loader, path string, reg *pipelines.Registry) {
	if s.Off {
		return
	}
	if s.secrets == nil {
		s.secrets = map[string]string{}
	}
	s.scan(loader.Again(), path, reg)
	for _, name := range s.Asked {
		if name != allStubs && !slices.Contains(s.Stubbed, name) {
			loader.Problems.Add(yamlfile.Problem{File: path, Code: "E127",
				Message: fmt.Sprintf("--stubs %s: no adapter of that name lacks an address and has a stub", name),
				Help:    "name some of " + strings.Join(s.Stubbed, ", ") + ", or all"})
		}
	}
	if len(s.Stubbed)+len(s.Stored) > 0 {
		loader.Missing = s.missing
	}
}

// absent tells that the hub runs without the broker.
func (s *Stubs) absent(adapter string) bool { return s.Boxed || slices.Contains(s.Stored, adapter) }

// scan finds the adapters that have no URL, before anything is loaded: only
// when there are some are missing secrets made up. A server's url is its own address, and no partner's.
func (s *Stubs) scan(probe *yamlfile.Loader, path string, reg *pipelines.Registry) {
	s.Stubbed, s.Stored, s.partners, s.outgoing, s.types = nil, nil, nil, map[string]bool{}, map[string]*hub.Component{}
	absent := false
	probe.Missing = func(*yamlfile.Node, string) (string, bool) { absent = true; return nobody, true }
	root, ok := probe.ReadFile(path)
	if !ok {
		return
	}
	for key, value := range root.Get("adapters").Entries() {
		url := cmp.Or(value.Get("url"), value.Get("brokers"))
		name, kind := key.Raw(), cmp.Or(reg.Component(value.Get("type").Raw()), &hub.Component{})
		if url == nil || kind.Server {
			continue
		}
		absent = false
		text, _ := url.Text()
		absent = absent || text == "" && url.Kind() == yamlfile.Scalar // ${KAFKA_BROKERS} may be set, and empty
		s.types[name] = kind
		switch {
		case absent && kind.Place != nil:
			s.Stored = append(s.Stored, name)
		case absent && s.service(name) != "":
			s.Stubbed = append(s.Stubbed, name)
		default:
			s.outgoing[name] = true
			if isPartner(kind) && given(url.Raw()) {
				s.partners = append(s.partners, name)
			}
		}
	}
}

// kind is the kind of an adapter; an empty one when it is not known, or has no far end.
func (s *Stubs) kind(adapter string) *hub.Component {
	return cmp.Or(s.types[adapter], &hub.Component{})
}

// isPartner tells that the far end of the adapter speaks what the stubs speak.
func isPartner(c *hub.Component) bool {
	return strings.HasPrefix(c.Nowhere, "http:") || speaksMail(c)
}

func speaksMail(c *hub.Component) bool { return strings.HasPrefix(c.Nowhere, "smtp:") }

var (
	variable = regexp.MustCompile(`\$\{(\w+)`)
	loopback = regexp.MustCompile(`^\w+://([^@/]*@)?(localhost|127\.|\[::1\])`)
)

// given tells that an address was set: by variables that are set, not by their
// defaults, or in the file, not as one of this machine, which is a stand-in.
func given(raw string) bool {
	unset := func(m []string) bool { return os.Getenv(m[1]) == "" }
	return !loopback.MatchString(raw) && !slices.ContainsFunc(variable.FindAllStringSubmatch(raw, -1), unset)
}

// mayStub tells that a stub may answer an adapter that has no address.
func (s *Stubs) mayStub(adapter string) bool {
	return !s.Strict || len(s.partners) == 0 || slices.Contains(s.Asked, allStubs) || slices.Contains(s.Asked, adapter)
}

// maySecret tells that a secret may be made up: all partners are stubs, or only a stub will know it.
func (s *Stubs) maySecret(path, adapter, name string) bool {
	switch {
	case !s.Strict || len(s.partners) == 0:
		return true
	case strings.HasPrefix(path, "adapters."):
		return slices.Contains(s.Stubbed, adapter)
	}
	return name == hookSecret && slices.ContainsFunc(s.Stubbed, func(a string) bool { return s.service(a) == "shipping" && s.mayStub(a) })
}

// service is the partner that stands in for an adapter; "" for none.
func (s *Stubs) service(adapter string) string {
	if speaksMail(s.kind(adapter)) {
		return mail
	}
	family, _, _ := strings.Cut(adapter, "-")
	for _, name := range []string{adapter, family} {
		if slices.Contains(services, name) && name != mail {
			return name
		}
	}
	return ""
}

// adapterOf is the adapter that a path inside the configuration belongs to.
func adapterOf(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "adapters."), ".")
	return name
}

func (s *Stubs) missing(n *yamlfile.Node, ref string) (string, bool) {
	path := n.Path()
	adapter := adapterOf(path)
	if path == "adapters."+adapter+".url" && slices.Contains(s.Stubbed, adapter) {
		if !s.mayStub(adapter) {
			n.Errorf("E120", "export it, or ask for the stub: --stubs "+adapter,
				"%s is not set (adapter %s), and %s has an address: beside real partners nothing is stubbed in silence", ref, adapter, s.partners[0])
			return s.kind(adapter).Nowhere, true
		}
		url, ok := s.url(adapter)
		if ok && s.Warn {
			n.Warnf("W120", "export it before production; `hub run` answers it by a stub", "%s is not set (adapter %s)", ref, adapter)
		}
		return url, ok
	}
	if (path == "adapters."+adapter+".url" || path == "adapters."+adapter+".brokers") && s.absent(adapter) {
		if s.Warn {
			n.Warnf("W121", "export it to use the broker; without it the hub's own store carries what "+adapter+" would",
				"%s is not set (adapter %s)", ref, adapter)
		}
		return s.kind(adapter).Nowhere, true
	}
	name, isSecret := strings.CutPrefix(ref, "secret:")
	if !isSecret || strings.HasPrefix(path, "adapters.") && s.outgoing[adapter] {
		return "", false // a real partner gets no made-up secret
	}
	if !s.maySecret(path, adapter, name) {
		return "", false
	}
	if s.Warn {
		n.Warnf("W122", "put it into secrets/"+name+" before production; `hub run` makes one up beside its stubs", "secret %q is not set", name)
	}
	return s.secret(name), true
}

func (s *Stubs) url(adapter string) (string, bool) {
	if !s.Real {
		return s.kind(adapter).Nowhere, true
	}
	if s.World == nil && s.Err == nil {
		s.World, s.Err = stub.Start(stub.Options{})
	}
	if s.Err != nil {
		return "", false
	}
	url := s.World.URLs()[s.service(adapter)]
	return url, url != ""
}

// Partner is the URL of the stub for an adapter of the kind; one where nobody answers when there is none.
func (s *Stubs) Partner(adapter string, kind *hub.Component) string {
	s.types[adapter] = kind
	if isPartner(kind) {
		if url, ok := s.url(adapter); ok {
			return url
		}
	}
	return kind.Nowhere
}

// secret is the made-up value of a secret, the same for as long as s lives.
func (s *Stubs) secret(name string) string {
	if s.secrets[name] == "" {
		b := make([]byte, 24)
		rand.Read(b) // never fails
		s.secrets[name] = hex.EncodeToString(b)
	}
	return s.secrets[name]
}

// Aim makes the shipping stub call back the plan's own webhook at base.
func (s *Stubs) Aim(plan *pipelines.Plan, base string) {
	if s.World == nil {
		return
	}
	has := slices.ContainsFunc(plan.Pipelines, func(p *pipelines.Pipeline) bool {
		return p.From.Adapter != nil && p.From.Adapter.Type.Server && p.From.Arg == "POST "+hookRoute
	})
	if s.Aimed = base != "" && has; !s.Aimed {
		s.World.SetWebhook("", "")
		return
	}
	s.World.SetWebhook(base+hookRoute, s.resolve(hookSecret))
}

// resolve is a secret's value as the configuration sees it.
func (s *Stubs) resolve(name string) string {
	loader := yamlfile.NewLoader()
	loader.Missing = func(*yamlfile.Node, string) (string, bool) { return s.secret(name), true }
	root, ok := loader.Parse("secret", []byte("value: secret:"+name))
	if !ok {
		return ""
	}
	text, _ := root.Get("value").Text()
	return text
}

// Page is the address where the stubs tell what they were asked; "" when none runs.
func (s *Stubs) Page() string {
	if s.World == nil {
		return ""
	}
	url := s.World.URLs()["billing"]
	return url[:strings.LastIndex(url, "/")]
}

// Close ends the stubs.
func (s *Stubs) Close() {
	if s.World != nil {
		s.World.Close(context.Background())
	}
}

// Offline is a loader that reads the file at path with stand-ins for what the environment lacks. Nobody outside is to be reached.
func Offline(path string, reg *pipelines.Registry, sets []string) *yamlfile.Loader {
	loader := newLoader(sets)
	loader.Env = func(name string) (string, bool) {
		value, ok := os.LookupEnv(name)
		return value, ok && value != ""
	}
	s := &Stubs{}
	s.scan(loader.Again(), path, reg)
	loader.Missing = func(n *yamlfile.Node, ref string) (string, bool) {
		if name, secret := strings.CutPrefix(ref, "secret:"); secret && !strings.HasSuffix(n.Path(), ".url") {
			return hub.HashID("secret " + name), true // long enough for any use, and the same in every run
		}
		return cmp.Or(s.kind(adapterOf(n.Path())).Nowhere, nobody), true
	}
	return loader
}
