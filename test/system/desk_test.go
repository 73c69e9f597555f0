package system

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"orderhub/stub"
)

var linkInMail = regexp.MustCompile(`http://\S+\?token=\S+`)

// link waits for the mail of an order with those words in its subject, and gives the link in it, without the host.
func (s *site) link(order, subject string) string {
	s.t.Helper()
	link := ""
	s.until("the mail about "+order+": "+subject, func() bool {
		for i, e := range s.world.Ledger().Effects("mail", "send") {
			if e.Ref == order && strings.Contains(e.Get("subject"), subject) {
				text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s.page(fmt.Sprintf("/mail/%d", i+1)))))
				if err != nil {
					s.t.Fatal(err)
				}
				link = linkInMail.FindString(string(text))
			}
		}
		return link != ""
	})
	at, ok := strings.CutPrefix(link, "http://"+s.addr)
	if !ok {
		s.t.Fatalf("the link leads to %s, the hub is at %s", link, s.addr)
	}
	return at
}

// form posts a page's form, as a browser does.
func (s *site) form(path string, fields url.Values) answer {
	s.t.Helper()
	return s.do("POST", path, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html,*/*;q=0.8")
}

// review answers the mail that asks the order desk about an order.
func (s *site) review(order string, approve bool) {
	s.t.Helper()
	a := s.form(s.link(order, "Please review order "+order), url.Values{"approve": {fmt.Sprint(approve)}, "note": {""}, "by": {"Kim"}})
	if a.status != 202 {
		s.t.Fatalf("the review of %s: %s", order, a)
	}
}

// booked waits until the parcel of an order has a tracking number.
func (s *site) booked(order string) {
	s.t.Helper()
	s.until(order+" is booked", func() bool { return s.view(order).Tracking != "" })
}

// TestCardLink: the customer follows the link in the mail, over a restart; scanners that follow it change nothing.
func TestCardLink(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.post("/orders", order("L-1", `"pay":{"type":"card","token":"tok_expired"}`))
	s.reach("L-1", "awaiting_card")
	link := s.link("L-1", "the card has expired")
	s.kill()
	s.start()
	for range 3 {
		a := s.do("GET", link, "", "Accept", "text/html")
		same(t, "the page", a.status, 200)
		has(t, a.body, `<form method="post">`, `name="card"`)
	}
	same(t, "state", s.view("L-1").State, "awaiting_card")
	has(t, s.form(link, url.Values{"card": {"4711 0815"}}).body, `<form method="post">`, `aria-invalid="true"`, "Please write the number of the card")
	path, token, _ := strings.Cut(link, "?")
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"without a token":       {path, 401},
		"with another token":    {path + "?" + token + "x", 401},
		"of another order":      {strings.Replace(link, "L-1", "L-2", 1), 401},
		"without a card number": {link, 422},
	} {
		same(t, name, s.form(c.path, url.Values{"card": {""}}).status, c.status)
	}
	for _, id := range []string{"tok_visa", "tok_visa"} { // a double click
		if a := s.form(link, url.Values{"card": {id}}); a.status != 202 && a.status != 409 {
			t.Errorf("the form: %s", a)
		}
	}
	s.reach("L-1", "done")
	same(t, "a late click", s.form(link, url.Values{"card": {"tok_visa"}}).status, 409)
	same(t, "the page then", strings.Contains(s.do("GET", link, "", "Accept", "text/html").body, "<form"), false)
	same(t, "charges", len(s.effects("billing", "charge", "L-1")), 1)
	same(t, "releases", len(s.effects("stock", "release", "L-1")), 1)
	same(t, "dead letters", s.quiet().dead(), 0)
}

// TestReviewByMail: the order desk answers by the link in its mail; the first answer counts.
func TestReviewByMail(t *testing.T) {
	t.Parallel()
	s := running(t)
	large := order("V-1", `"lines":[{"sku":"SKU-1","qty":1000,"price":5.00}],"total":5000.00`)
	s.post("/orders", large)
	link := s.link("V-1", "Please review order V-1: €5,000.00")
	a := s.do("GET", link, "", "Accept", "text/html")
	has(t, a.body, `<form method="post">`, "v-1@example.com", "€5,000.00", "SKU-1")
	a = s.form(link, url.Values{"by": {"Kim"}, "note": {"<asked>"}})
	same(t, "no choice", a.status, 422)
	has(t, a.body, `<form method="post">`, "Please choose one.", `value="Kim"`, `value="&lt;asked&gt;"`)
	same(t, "state", s.view("V-1").State, "review")
	s.review("V-1", false)
	v := s.reach("V-1", "cancelled")
	same(t, "reason", *v.Reason, "the order desk refused the order")
	same(t, "a second answer", s.form(link, url.Values{"approve": {"true"}, "by": {"Lee"}}).status, 409)
	same(t, "money and goods", len(s.effects("billing", "", "V-1"))+len(s.effects("stock", "", "V-1")), 0)
}

// TestCancelLink: what is not yet on its way is cancelled by the link in the mail, and all goes back; who only knows the number cancels nothing.
func TestCancelLink(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.world.SetWebhook("", "")
	s.post("/orders", order("C-1", `"total":5.00`))
	s.booked("C-1")
	page := s.do("GET", "/orders/C-1", "", "Accept", "text/html").body
	has(t, page, "our mails to you have the link")
	same(t, "forms and links on the open page", strings.Contains(page, "<form") || strings.Contains(page, "/cancel"), false)
	link := s.link("C-1", "Your order C-1: paid")
	for range 3 {
		has(t, s.do("GET", link, "", "Accept", "text/html").body, `<form method="post">`)
	}
	path, token, _ := strings.Cut(link, "?")
	for name, at := range map[string]string{
		"without a token":    path,
		"with another token": path + "?" + token + "x",
		"of another order":   strings.Replace(link, "C-1", "C-2", 1),
		"not there":          strings.Replace(path, "C-1", "C-9", 1),
	} {
		same(t, "the page, "+name, s.do("GET", at, "", "Accept", "text/html").status, 401)
		same(t, "the form, "+name, s.form(at, url.Values{}).status, 401)
	}
	same(t, "state", s.view("C-1").State, "fulfilling")
	a := s.form(link, url.Values{})
	same(t, "the answer", fmt.Sprint(a.status, " ", a.header.Get("Content-Type")), "202 text/html; charset=utf-8")
	s.reach("C-1", "cancelled")
	for service, op := range map[string]string{"billing": "refund", "stock": "release", "shipping": "cancel"} {
		var found []stub.Effect
		s.until(op, func() bool { found = s.effects(service, op, "C-1"); return len(found) == 1 })
	}
	same(t, "again", s.do("POST", link, "{}").status, 409)

	s.post("/orders", order("C-2", `"pay":{"type":"invoice"}`))
	s.booked("C-2")
	same(t, "the answer to a program", s.do("POST", s.link("C-2", "Your order C-2: invoiced"), ""), `202 {"order_id":"C-2","done":true,"title":"the order is being cancelled"}`)
	s.reach("C-2", "cancelled")
	var refunds []stub.Effect
	s.until("the invoice is taken back", func() bool { refunds = s.effects("billing", "refund", "C-2"); return len(refunds) > 0 })
	if len(refunds) != 1 || refunds[0].Get("invoice") != s.effects("billing", "invoice", "C-2")[0].Get("id") {
		t.Errorf("the invoice is taken back by %v", refunds)
	}
	same(t, "dead letters", s.quiet().dead(), 0)
}

// TestCancelLinkExpires: an old link cancels nothing.
func TestCancelLinkExpires(t *testing.T) {
	t.Parallel()
	s := running(t, `"/cancel", "30d"`, `"/cancel", "1s"`)
	s.world.SetWebhook("", "")
	s.post("/orders", order("C-3", `"total":5.00`))
	s.booked("C-3")
	link := s.link("C-3", "Your order C-3: paid")
	s.until("the link is too old", func() bool { return s.do("GET", link, "").status == 401 })
	a := s.do("POST", link, "")
	same(t, "the answer", fmt.Sprint(a.status, " ", a.problem(t).Code), "401 token_expired")
	same(t, "state", s.view("C-3").State, "fulfilling")
	same(t, "refunds", len(s.effects("billing", "refund", "C-3")), 0)
}
