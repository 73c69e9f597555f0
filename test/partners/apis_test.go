package partners

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// api is what a partner of apis.md is asked and answers, as its public pages describe it.
type api struct {
	send    string            // the message; "": {"id":"W-1"}
	secrets map[string]string // those that are more than a text
	start   func(*httptest.Server)
	login   []talk // before the first call
	work    []talk // of each message
	out     outcome
	fault   string // "class reason" of what the partner does once; "renewed": a login that it takes no more
	bad     []talk // the talks of that, in place of work; then it works again
	signed  bool   // the time is in what is sent, so that no two requests are alike
}

// apis are the partners by their headings. certs is the folder for the certificates of the bank's customer.
func apis(t *testing.T, certs string) map[string]api {
	all := map[string]api{}
	for _, some := range []map[string]api{payments, carriers, shops, services} {
		maps.Copy(all, some)
	}
	transfer := bankTransfer
	transfer.start = bank(t, certs)
	all["bank-transfer"] = transfer
	return all
}

// TestPartnerAPIs: partners are called as they are, by the YAML of docs/partners/apis.md alone: every byte that each is asked, and what comes of its
// answer. Each fails once in a way of its own: ops read why, and when the partner works again, the message arrives, and nothing is asked in another way.
func TestPartnerAPIs(t *testing.T) {
	blocks := readPage(t, "apis.md", "TestPartnerAPIs")
	dir := t.TempDir()
	schemas := os.DirFS(filepath.Join("..", "..", "docs", "partners", "schemas"))
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "certs"), 0o700), os.CopyFS(filepath.Join(dir, "schemas"), schemas)); err != nil {
		t.Fatal(err)
	}
	apis, partners := apis(t, filepath.Join(dir, "certs")), map[string]*partner{}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	keys := map[string]string{"salesforce-key": text, "google-key": text}
	var env []string
	for _, b := range blocks {
		c, ok := apis[b.name]
		if !ok {
			t.Fatalf("apis.md: %s has no test", b.name)
		}
		start := c.start
		if start == nil {
			start = (*httptest.Server).Start
		}
		partners[b.name] = newPartner(t, start)
		secrets := maps.Clone(keys)
		maps.Copy(secrets, c.secrets)
		env = append(env, b.environment(partners[b.name].URL, secrets)...)
	}
	if len(blocks) != len(apis) {
		t.Errorf("apis.md has %d partners, and tested are %d", len(blocks), len(apis))
	}
	s := newRunner(t, dir, blocks, env...)
	for _, b := range blocks {
		_, unread := merge(t, []block{b})
		if len(unread) != 1 {
			t.Fatalf("%s: it comes out of %q, and one channel is expected", b.name, unread)
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			(&conversation{runner: s, partner: partners[b.name], pipeline: b.name, channel: unread[0], api: apis[b.name]}).run(t)
		})
	}
}

// conversation is what is said in one test.
type conversation struct {
	*runner
	*partner
	api
	pipeline string
	channel  string // that it comes out of
	id       string // of the message
}

func (c *conversation) run(t *testing.T) {
	c.wants(c.channel, 2)
	c.expects(c.login, c.work)
	c.ask(t, "POST", "/pipelines/"+c.pipeline+"/messages", c.message(), &struct{ ID *string }{&c.id})
	c.arrives(t, 1)
	c.expects(c.bad, c.work)
	c.ask(t, "POST", "/pipelines/"+c.pipeline+"/messages", c.message(), &struct{ ID *string }{&c.id})
	if strings.HasPrefix(c.fault, "rejected ") {
		c.dies(t)
	}
	c.arrives(t, 2)
	told := c.trace(t, c.id)
	for _, e := range told.Events {
		if strings.HasPrefix(e.Detail, c.fault) && e.What == "failed" {
			return
		}
	}
	if c.fault != "renewed" {
		t.Errorf("the trace does not tell of %s: %+v", c.fault, told)
	}
}

func (c *conversation) message() string {
	if c.send == "" {
		return `{"id":"W-1"}`
	}
	return c.send
}

// dies waits for the dead letter, and replays it.
func (c *conversation) dies(t *testing.T) {
	t.Helper()
	var dead []stored
	await(t, "a dead letter", func() bool {
		c.ask(t, "GET", "/dead?id="+c.id, "", &dead)
		return len(dead) > 0
	}, c.report(t))
	if got := dead[0].Error.Class + " " + dead[0].Error.Reason; got != c.fault {
		t.Errorf("the dead letter says %s, expected is %s: %s", got, c.fault, dead[0].Error.Message)
	}
	t.Log(dead[0].Error.Message)
	c.ask(t, "POST", "/dead/replay", fmt.Sprintf(`{"seqs":[%d]}`, dead[0].Seq), nil)
}

// arrives checks what came out n-th, and all that the partner was asked for it.
func (c *conversation) arrives(t *testing.T, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d messages come out of %s", n, c.channel), func() bool { return len(c.came(c.channel)) >= n || c.isWrong() }, c.report(t))
	if c.isWrong() {
		t.Fatal(c.report(t)())
	}
	got := c.came(c.channel)[n-1]
	if !like(got.body, c.out.body) || c.out.media != "" && got.media != c.out.media {
		t.Errorf("%s %q came out, expected is %s %q", got.media, got.body, c.out.media, c.out.body)
	}
	asked, wrong := c.heard()
	for _, text := range wrong {
		t.Error(text)
	}
	if n == 1 || len(asked) != len(c.bad)+len(c.work) {
		return
	}
	again := asked[len(c.bad):]
	for i := range min(len(again), len(c.bad)) { // the same request, with the same idempotency key
		if !c.signed && lasting(asked[i].text) != lasting(again[i].text) {
			t.Errorf("after the fault %q was asked, before it %q", again[i].text, asked[i].text)
		}
	}
	if _, header, _ := parsed(c.bad[len(c.bad)-1].answer); header.Get("Retry-After") != "" {
		seconds, _ := strconv.ParseFloat(header.Get("Retry-After"), 64)
		if waited := again[0].at.Sub(asked[len(c.bad)-1].at); waited < time.Duration(seconds*float64(time.Second)) {
			t.Errorf("it was asked again after %v, and wanted %v s", waited, seconds)
		}
	}
}

var logins = regexp.MustCompile(`(?m)^(Authorization|X-Amz-Access-Token): .*\n`)

// lasting is what a request has at each attempt.
func lasting(asked string) string { return logins.ReplaceAllString(asked, "") }

// report tells what the hub knows of the message, and what the partner was asked.
func (c *conversation) report(t *testing.T) func() string {
	return func() string {
		asked, wrong := c.heard()
		texts := slices.Clone(wrong)
		for _, a := range asked {
			texts = append(texts, a.text)
		}
		return fmt.Sprintf("%+v\n%s", c.trace(t, c.id), strings.Join(texts, "\n---\n"))
	}
}
