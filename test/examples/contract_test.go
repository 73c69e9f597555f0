package examples

import (
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// office is the example of the support contracts with its mails and its provisioning service.
type office struct {
	t            *testing.T
	world        *stub.World
	hub, service *hub
}

func newOffice(t *testing.T) *office {
	p, world := newPlace(t, "support-contract"), partners(t)
	listen := hubtest.FreePort(t)
	o := &office{t: t, world: world, service: p.run("provisioning", "provisioning.yaml", nil, "PROVISIONING_LISTEN", listen)}
	o.hub = p.run("hub", "pipelines.yaml", nil, "HUB_LISTEN", hubtest.FreePort(t), "MAIL_URL", world.URLs()["mail"], "PROVISIONING_URL", "http://"+listen)
	return o
}

var tokenLink = regexp.MustCompile(`http://\S+\?token=\S+`)

// link waits for a mail to somebody, and gives the link in it whose path has the word, without the host.
func (o *office) link(to, subject, word string) (link string) {
	o.t.Helper()
	await(o.t, soon, "the mail to "+to+": "+subject, func() bool {
		for i, e := range o.world.Ledger().Effects("mail", "send") {
			if !strings.Contains(e.Get("to"), to) || !strings.Contains(e.Get("subject"), subject) {
				continue
			}
			a, err := try("GET", strings.TrimSuffix(o.world.URLs()["billing"], "/billing")+fmt.Sprintf("/mail/%d", i+1), "")
			if err != nil {
				o.t.Fatal(err)
			}
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(a.body)))
			if err != nil {
				o.t.Fatal(err)
			}
			for _, found := range tokenLink.FindAllString(string(text), -1) {
				if strings.Contains(found, word) {
					link = strings.TrimPrefix(found, o.hub.ready.URLs["web"])
				}
			}
		}
		return link != ""
	}, o.hub.report)
	return link
}

// form posts the form of a page behind a link.
func (o *office) form(link string, fields url.Values) answer {
	o.t.Helper()
	return o.hub.do("POST", link, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
}

func (o *office) state(contract, want string) {
	o.t.Helper()
	await(o.t, soon, contract+" is "+want, func() bool {
		var v struct{ State string }
		err := json.Unmarshal([]byte(o.hub.do("GET", "/contracts/"+contract, "").body), &v)
		return err == nil && v.State == want
	}, o.hub.report)
}

// TestContract: from the request over approval, signature and activation to the withdrawal, by the links in the mails, with a kill before each.
func TestContract(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	again := func() { o.hub.kill(); o.hub.start() }
	if a := o.hub.do("POST", "/contracts", o.hub.place.sample("requests.1-hotel.json")); a.status != 202 {
		t.Fatalf("the request: %s", a)
	}
	o.state("C-100", "approval")
	decide := o.link("manager@company.example", "C-100", "/tasks/")
	again()
	page := o.hub.do("GET", decide, "", "Accept", "text/html")
	if page.status != 200 || !strings.Contains(page.body, "Hotel Astoria") || !strings.Contains(page.body, `<form method="post">`) {
		t.Errorf("the manager's page: %s", page)
	}
	same(t, "without its token", o.hub.do("GET", strings.Split(decide, "?")[0], "").status, 401)
	same(t, "the manager's answer", o.form(decide, url.Values{"approve": {"true"}, "by": {"Ann"}}).status, 202)
	o.state("C-100", "signature")
	same(t, "a second answer", o.form(decide, url.Values{"approve": {"false"}, "by": {"Ann"}}).status, 409)
	sign := o.link("ida@astoria.example", "Your support contract C-100", "/signature")
	again()
	same(t, "the signature", o.form(sign, url.Values{"signer": {"Ida Lang"}}).status, 202)
	o.state("C-100", "active")
	running := func() string { return o.service.do("GET", "/services/C-100", "").body }
	same(t, "the service", running(), `{"id":"svc-C-100","level":"around-the-clock","running":true}`)
	withdraw := o.link("ida@astoria.example", "is active", "/withdrawal")
	again()
	for range 2 { // a scanner follows the link
		same(t, "the page", o.hub.do("GET", withdraw, "", "Accept", "text/html").status, 200)
	}
	o.state("C-100", "active")
	same(t, "the withdrawal", o.form(withdraw, url.Values{"reason": {"sold"}}).status, 202)
	o.state("C-100", "withdrawn")
	same(t, "the service", running(), `{"id":"svc-C-100","running":false}`)
	same(t, "dead letters", o.hub.status().dead(), 0)
}
