package browser

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// storefront is the order hub on its shipped configuration, with a carrier that books parcels and picks none up, and a mail server.
type storefront struct {
	*site
	mu    sync.Mutex
	mails []string // their texts
}

func newStorefront(t testing.TB) *storefront {
	t.Helper()
	s := &storefront{site: &site{t: t, dir: t.TempDir(), config: filepath.Join("..", "..", "config", "pipelines.yaml")}}
	carrier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch parts := strings.Split(r.URL.Path, "/"); parts[len(parts)-1] {
		case "quote":
			io.WriteString(w, `{"carrier": "parcelpost", "service": "standard", "price": 6.90}`)
		case "cancel":
			fmt.Fprintf(w, `{"result": "cancelled", "id": %q}`, parts[len(parts)-2])
		default:
			io.WriteString(w, `{"id": "shp_1", "tracking": "PP4711-0815-DE"}`)
		}
	}))
	t.Cleanup(carrier.Close)
	const secret = "0123456789abcdef0123456789abcdef"
	s.env = []string{"HUB_LISTEN=127.0.0.1:0", "SHIPPING_URL=" + carrier.URL, "MAIL_URL=" + s.mailServer(),
		"HUB_SECRET_SHIPPING=" + secret, "HUB_SECRET_SHIPPING_HOOK=" + secret, "HUB_SECRET_LINKS=" + secret, "HUB_SECRET_DESK=desk-pass"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// mailServer takes mails (RFC 5321) and keeps their texts.
func (s *storefront) mailServer() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.takeMails(textproto.NewConn(conn))
		}
	}()
	return "smtp://" + ln.Addr().String()
}

func (s *storefront) takeMails(c *textproto.Conn) {
	defer c.Close()
	c.PrintfLine("220 mail")
	for {
		line, err := c.ReadLine()
		switch {
		case err != nil:
			return
		case strings.EqualFold(line, "DATA"):
			c.PrintfLine("354 go on")
			raw, _ := io.ReadAll(quotedprintable.NewReader(c.DotReader()))
			s.mu.Lock()
			s.mails = append(s.mails, string(raw))
			s.mu.Unlock()
		}
		c.PrintfLine("250 ok")
	}
}

// sells sends an order of the web store, and waits until it is in a state. more are further fields, as JSON.
func (s *storefront) sells(id, card, sku, name, state, more string) {
	s.t.Helper()
	raw, _ := json.Marshal(name)
	body := fmt.Sprintf(`{"orderNumber": %q, "user": {"id": "C-1", "name": %s, "email": "ada@example.com"}, "pay": {"type": "card", "token": %q}, "total": 1129.90,
		"lines": [{"sku": %q, "qty": 2, "price": 560.00}, {"sku": "SKU-18", "qty": 1, "price": 9.90}], "shipTo": {"zip": "10115", "city": %s, "country": "DE"}%s}`, id, raw, card, sku, raw, more)
	s.takes(strings.NewReader(body))
	s.reach(id, state)
}

// takes sends an order, which must be taken.
func (s *storefront) takes(body io.Reader) {
	s.t.Helper()
	res, err := http.Post(s.web+"/orders", "application/json", body)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusAccepted {
		s.t.Fatalf("%s %s", res.Status, text)
	}
}

// reach waits until an order is in a state, which programs see in JSON.
func (s *storefront) reach(id, state string) {
	s.t.Helper()
	var got struct{ State string }
	s.until(id+" is "+state, func() bool {
		res, err := http.Get(s.web + "/orders/" + id)
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&got) == nil && got.State == state
	})
}

// link waits for a mail with a link to the page of an order, and gives its path.
func (s *storefront) link(id, page string) (path string) {
	s.t.Helper()
	at := regexp.MustCompile(regexp.QuoteMeta(s.web) + "(/orders/" + id + "/" + page + `\S*\?token=\S+)`)
	s.until("a mail with the link to "+page+" of "+id, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, mail := range s.mails {
			if m := at.FindStringSubmatch(mail); m != nil {
				path = m[1]
			}
		}
		return path != ""
	})
	return path
}

// everyState brings an order in each state that customers see, and gives the pages of them all. name stands where customers may write.
func (s *storefront) everyState(name string) map[string]string {
	s.sells("W-1", "tok_visa", "SKU-17", name, "fulfilling", "")
	s.sells("W-2", "tok_declined", "SKU-17", name, "cancelled", "")
	s.sells("W-3", "tok_expired", "SKU-17", name, "awaiting_card", "")
	s.sells("W-4", "tok_visa", "OUT-OF-STOCK", name, "fulfilling", `, "language": "de"`)
	s.sells("W-6", "tok_visa", "SKU-17", name, "fulfilling", "")
	large := strings.NewReader(`{"orderNumber": "W-5", "user": {"id": "C-1", "name": ` + quoted(name) + `, "email": "ada@example.com"}, "pay": {"token": "tok_visa"}, "total": 5600,
		"lines": [{"sku": "SKU-17", "qty": 10, "price": 560.00}]}`)
	s.takes(large)
	s.reach("W-5", "review")
	s.takes(strings.NewReader(`{"orderNumber": "W-7", "user": {"id": "C-1", "email": "ada@example.com"}, "total": 5, "lines": [{"sku": "SKU-17", "qty": 1, "price": 4}]}`))
	s.reach("W-7", "rejected")
	return map[string]string{"packed": "/orders/W-1", "declined": "/orders/W-2", "card-wanted": "/orders/W-3", "partly-german": "/orders/W-4", "reviewed": "/orders/W-5",
		"rejected": "/orders/W-7", "unknown": "/orders/W-99", "old-link": "/orders/W-1/cancel?token=1.x",
		"cancel": s.link("W-1", "cancel"), "card": s.link("W-3", "card"), "review": s.link("W-5", "tasks"), "list-reviews": "/desk/reviews", "list-shipping": "/desk/shipping"}
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

// visitor opens a window on the shop, with headers that all its requests carry.
func (s *storefront) visitor(headers network.Headers) *browser {
	b := open(s.t, s.web)
	b.expected = []string{"Failed to load resource"} // what says 404, 401 or 422 is a page, too
	b.do(command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers}))
	return b
}

var atDesk = network.Headers{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("desk:desk-pass"))}

// TestShopScreenshots makes pictures of the customer's pages and of the lists into the folder HUB_SCREENSHOTS: light, dark, and on a telephone.
func TestShopScreenshots(t *testing.T) {
	dir := os.Getenv("HUB_SCREENSHOTS")
	if dir == "" {
		t.Skip("make screenshots DIR=/tmp/screenshots")
	}
	s := newStorefront(t)
	b := s.visitor(atDesk)
	pages := s.everyState("Ada Lovelace")
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1280}, {"dark", "dark", 1280}, {"phone", "light", 375}, {"phone-dark", "dark", 375}} {
		b.looks(look.scheme, look.width)
		for name, page := range pages {
			b.visit(page)
			png := got(b, chromedp.FullScreenshot(100))
			if err := cmp.Or(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, fmt.Sprintf("shop-%s-%s.png", name, look.name)), png, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestShop plays what customers and the shop's people do, without JavaScript, on a telephone: cancel, name another card, answer a review, hand
// a parcel over. Names are written as an attack, and shown as text.
func TestShop(t *testing.T) {
	const attack = `<script>document.title="taken"</script><b onclick=x>`
	s := newStorefront(t)
	pages := s.everyState(attack)
	customer, german, desk := s.visitor(nil), s.visitor(network.Headers{"Accept-Language": "fr, de-AT;q=0.9, en;q=0.5"}), s.visitor(atDesk)
	for _, b := range []*browser{customer, german, desk} {
		b.looks("dark", 375)
	}
	for name, page := range pages { // with scripts, so that one that got in would run
		desk.visit(page)
		if faults := got(desk, chromedp.Evaluate[string](unfit)); faults != "" {
			t.Errorf("%s: %s", name, faults)
		}
	}
	for _, b := range []*browser{customer, german, desk} {
		b.withoutScripts()
	}

	customer.visit("/orders/W-1")
	customer.sees("Your order is being packed", "Paid", "just now", "€1,129.90", "PP4711-0815-DE")
	german.visit("/orders/W-1")
	german.sees("Ihre Bestellung wird gepackt", "Bezahlt", "gerade eben", "1.129,90\u00a0€")
	customer.visit("/orders/W-4") // its own language
	customer.sees("Ihre Bestellung wird gepackt", "Nicht auf Lager", "OUT-OF-STOCK", "9,90\u00a0€")
	customer.visit("/orders/W-2")
	customer.sees("Your bank declined the card")

	customer.visit(pages["cancel"])
	customer.sees("Cancel this order?")
	customer.click("Cancel the order")
	customer.sees("The order is being cancelled")
	s.reach("W-1", "cancelled")
	customer.visit(pages["cancel"])
	customer.sees("It is too late to cancel")
	customer.visit("/orders/W-1")
	customer.sees("Your order is cancelled", "You cancelled it", "What you paid goes back to you")

	german.visit(pages["card"])
	german.fill("card", "4711 0815")
	german.click("Diese Karte verwenden")
	german.sees("Bitte geben Sie die Nummer der Karte ohne Leerzeichen an")
	s.reach("W-3", "awaiting_card")
	german.fill("card", "tok_visa")
	german.click("Diese Karte verwenden")
	german.sees("Vielen Dank, die neue Karte wird jetzt belastet")
	s.reach("W-3", "fulfilling")

	desk.visit("/desk/reviews")
	desk.sees("1 open", "W-5", attack, "€5,600.00", "web store")
	desk.click("Review")
	desk.sees("Approve this order?", attack, "€560.00")
	desk.fill("by", "Kim "+attack)
	desk.fill("note", "asked by phone")
	desk.do(chromedp.Evaluate[chromedp.Void](`document.forms[0].noValidate = true`)) // as a browser without such checks
	desk.click("Send the answer")
	desk.sees("Please choose one")
	for name, want := range map[string]string{"by": "Kim " + attack, "note": "asked by phone"} {
		if value := got(desk, chromedp.Value(`[name="`+name+`"]`)); value != want {
			t.Errorf("the field %s has %q then", name, value)
		}
	}
	desk.do(chromedp.Click(`[value="true"]`))
	desk.click("Send the answer")
	desk.sees("Thank you, your answer counts")
	s.reach("W-5", "fulfilling")
	desk.visit(pages["review"])
	desk.sees("This order waits for no answer")

	desk.visit("/desk/shipping")
	desk.sees("4 open", "10115 "+attack, "parcelpost")
	desk.click("Handed over W-3") // the oldest are at the front
	s.reach("W-3", "shipped")
	desk.visit("/desk/shipping")
	desk.sees("3 open")
	customer.visit("/orders/W-3")
	customer.sees("Your parcel is on its way", "Packed and sent")
}

// unfit finds what a page does not do for everybody: a language, one heading, names of fields and buttons, room for fingers, no side scrolling.
const unfit = `(() => {
	const faults = [], all = (q) => [...document.querySelectorAll(q)];
	if (!document.documentElement.lang || !document.title) faults.push("no language or no title");
	if (document.title === "taken" || all("script, [onclick]").length) faults.push("a script got in");
	if (all("h1").length !== 1) faults.push(all("h1").length + " headings");
	if (document.documentElement.scrollWidth > innerWidth) faults.push("it scrolls to the side: " + document.documentElement.scrollWidth);
	for (const e of all("input:not([type=hidden]), textarea")) if (!e.labels.length) faults.push("no label: " + e.name);
	for (const e of all("button, .button")) if (!e.textContent.trim() || e.getBoundingClientRect().height < 44) faults.push("a button is small or has no name: " + e.outerHTML);
	if (document.body.innerText.match(/undefined|no value|\[object|0001-01-01|T\d\d:\d\d:\d\d/)) faults.push("it shows what is for programs: " + document.body.innerText);
	return faults.join("; ");
})()`
