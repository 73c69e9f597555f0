package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// partnerAPI is an API of a real company, as its public pages describe it, with the YAML that calls it.
type partnerAPI struct {
	name    string
	adapter string // beside type and url
	formats string
	step    string   // of the call; its reply follows
	reply   string   // body of the answer; "": body
	headers []string // of the request that are looked at
	asked   []string // requests, each a line: method, URI, headers, body
	answers []string // each: status, content type, further headers with a |, body behind a blank
	wanted  string
	body    string // of the trigger; "": {"id":"W-1"}
}

var partnerAPIs = []partnerAPI{
	{name: "Stripe charge", adapter: `bearer: "sk_test_4eC39HqLyjWDarj", headers: {Stripe-Version: "2026-01-01"}, ops: {pay: {http: POST /v1/payment_intents, format: {request: stripe}, idempotency: {form: uuid}}}`,
		formats: "stripe: {type: form, nested: brackets, repeat: indices}",
		step:    `{call: P.pay, with: {amount: 2599, currency: eur, confirm: true, metadata: {order: =body.id}, payment_method_types: [card]}, as: pi}`, reply: "{id: =pi.id}",
		headers: []string{"Authorization", "Stripe-Version", "Content-Type"},
		asked: []string{"POST /v1/payment_intents Bearer sk_test_4eC39HqLyjWDarj 2026-01-01 application/x-www-form-urlencoded " +
			"amount=2599&currency=eur&confirm=true&metadata%5Border%5D=W-1&payment_method_types%5B0%5D=card"},
		answers: []string{`200 application/json {"id":"pi_1"}`}, wanted: `{"id":"pi_1"}`},
	{name: "Stripe list", adapter: `basic: {user: sk_test, password: "sk_test_password"}, ops: {list: {http: GET /v1/charges, query: {limit: "2"}, paging: {by: cursor, items: data, last: id, more: has_more, param: starting_after, pages: 5}}}`,
		step:  `{call: P.list, with: {created: {gte: 1700000000}, expand: [data.customer]}, as: page}`,
		reply: "=page", headers: nil,
		asked:   []string{"GET /v1/charges?created%5Bgte%5D=1700000000&expand=data.customer&limit=2 ", "GET /v1/charges?created%5Bgte%5D=1700000000&expand=data.customer&limit=2&starting_after=ch_2 "},
		answers: []string{`200 application/json {"data":[{"id":"ch_1"},{"id":"ch_2"}],"has_more":true}`, `200 application/json {"data":[{"id":"ch_3"}],"has_more":false}`},
		wanted:  `{"items":[{"id":"ch_1"},{"id":"ch_2"},{"id":"ch_3"}],"next":null}`},
	{name: "UPS rating", adapter: `oauth2: {token_url: "URL/security/v1/oauth/token", client_id: ups-id, client_secret: "ups-secret", client_auth: header}, headers: {transactionSrc: shop}, ops: {rate: {http: "POST /api/rating/{version}/Rate", headers: {transId: t1}}}`,
		step: `{call: P.rate, with: {version: v2409, RateRequest: {Request: {TransactionReference: {CustomerContext: =body.id}}}}, as: rate}`, reply: "=rate",
		headers: []string{"Authorization", "Transactionsrc", "Transid"},
		asked: []string{"POST /security/v1/oauth/token Basic dXBzLWlkOnVwcy1zZWNyZXQ=   grant_type=client_credentials",
			`POST /api/rating/v2409/Rate Bearer ups-token shop t1 {"RateRequest":{"Request":{"TransactionReference":{"CustomerContext":"W-1"}}}}`},
		answers: []string{`200 application/json {"token_type":"Bearer","access_token":"ups-token","expires_in":"14399"}`, `200 application/json {"RateResponse":{"Price":"12.10"}}`},
		wanted:  `{"RateResponse":{"Price":"12.10"}}`},
	{name: "PayPal capture", adapter: `oauth2: {token_url: "URL/v1/oauth2/token", client_id: pp, client_secret: "pp-secret"}, ops: {capture: {http: "POST /v2/checkout/orders/{id}/capture", headers: {Prefer: return=representation}, idempotency: {header: PayPal-Request-Id, form: hash, length: 38}, success_if: {status: COMPLETED}}}`,
		step: `{call: P.capture, with: {id: =body.id}, as: {body: order, status: code, links: links}}`, reply: "{code: =code, status: =order.status}",
		headers: []string{"Prefer", "Idempotency-Key"},
		asked:   []string{"POST /v1/oauth2/token   grant_type=client_credentials", "POST /v2/checkout/orders/W-1/capture return=representation  {}"},
		answers: []string{`200 application/json {"access_token":"A21","token_type":"Bearer","expires_in":32400}`, `201 application/json {"status":"COMPLETED"}`}, wanted: `{"code":201,"status":"COMPLETED"}`},
	{name: "Shopify orders", adapter: `api_key: {name: X-Shopify-Access-Token, value: "shpat_0123456789"}, ops: {orders: {http: GET /admin/api/2026-01/orders.json, paging: {by: link, items: orders, pages: 9}}}`,
		step: `{call: P.orders, with: {status: any, limit: 2}, as: all}`, reply: "=all.items", headers: []string{"X-Shopify-Access-Token"},
		asked: []string{"GET /admin/api/2026-01/orders.json?limit=2&status=any shpat_0123456789 ", "GET /admin/api/2026-01/orders.json?page_info=abc&limit=2 shpat_0123456789 "},
		answers: []string{`200 application/json|Link=<URL/admin/api/2026-01/orders.json?page_info=abc&limit=2>;~rel="next" {"orders":[{"id":1},{"id":2}]}`,
			`200 application/json|Link=<URL/admin/api/2026-01/orders.json?page_info=zzz>;~rel="previous" {"orders":[{"id":3}]}`}, wanted: `[{"id":1},{"id":2},{"id":3}]`},
	{name: "FedEx tracking", adapter: `oauth2: {token_url: "URL/oauth/token", client_id: fx, client_secret: "fx-secret", client_auth: params}, headers: {X-locale: en_US}, ops: {track: POST /track/v1/trackingnumbers}`,
		step: `{call: P.track, with: {includeDetailedScans: true, trackingInfo: [{trackingNumberInfo: {trackingNumber: =body.id}}]}, as: t}`, reply: "=t", headers: []string{"Authorization", "X-Locale"},
		asked: []string{"POST /oauth/token   client_id=fx&client_secret=fx-secret&grant_type=client_credentials",
			`POST /track/v1/trackingnumbers Bearer f1 en_US {"includeDetailedScans":true,"trackingInfo":[{"trackingNumberInfo":{"trackingNumber":"W-1"}}]}`},
		answers: []string{`200 application/json {"access_token":"f1","token_type":"bearer","expires_in":3599}`, `200 application/json {"ok":true}`}, wanted: `{"ok":true}`},
	{name: "DHL label", adapter: `api_key: {name: dhl-api-key, value: "dhl-key-0123"}, basic: {user: u, password: "dhl-password"}, ops: {label: {http: GET /parcel/de/shipping/v2/labels, accept: application/pdf}}`,
		step: `{call: P.label, with: {shipment: =body.id, includeDocs: [label, customs]}}`, headers: []string{"Dhl-Api-Key", "Authorization", "Accept"},
		asked:   []string{"GET /parcel/de/shipping/v2/labels?includeDocs=label&includeDocs=customs&shipment=W-1 dhl-key-0123 Basic dTpkaGwtcGFzc3dvcmQ= application/pdf "},
		answers: []string{"200 application/pdf %PDF-1.4\n\xff\xfe\x00\x01"}, wanted: "%PDF-1.4\n\xff\xfe\x00\x01"},
	{name: "Square payment", adapter: `bearer: "sq-token-0123", headers: {Square-Version: "2026-01-15"}, ops: {pay: {http: POST /v2/payments, idempotency: {header: none, field: idempotency_key, form: hash, length: 45}}}`,
		step: `{call: P.pay, with: {source_id: cnon, amount_money: {amount: 1000, currency: USD}}, as: p}`, reply: "=p.payment", headers: []string{"Square-Version", "Idempotency-Key"},
		asked:   []string{`POST /v2/payments 2026-01-15  {"source_id":"cnon","amount_money":{"amount":1000,"currency":"USD"},"idempotency_key":"*"}`},
		answers: []string{`200 application/json {"payment":{"id":"p1"}}`}, wanted: `{"id":"p1"}`},
	{name: "Twilio message", adapter: `basic: {user: AC1, password: "twilio-token"}, ops: {send: {http: "POST /2010-04-01/Accounts/{account}/Messages.json", format: {request: form}, expect: 201}}`,
		step: `{call: P.send, with: {account: AC1, To: "+4930123", From: "+1555", Body: ="Your order " + body.id + " & more"}, as: m}`, reply: "=m", headers: []string{"Content-Type"},
		asked:   []string{"POST /2010-04-01/Accounts/AC1/Messages.json application/x-www-form-urlencoded To=%2B4930123&From=%2B1555&Body=Your+order+W-1+%26+more"},
		answers: []string{`201 application/json {"sid":"SM1"}`}, wanted: `{"sid":"SM1"}`},
	{name: "SOAP ERP", adapter: `ops: {book: {http: POST /erp, format: erp, headers: {SOAPAction: "\"urn:erp/Book\""}}}`,
		formats: `erp: {type: xml, soap: "1.1", content_type: text/xml, declaration: false, namespaces: {e: "urn:erp"}}`,
		step:    `{call: P.book, with: {body: {e:Book: {e:Order: =body.id}}}, as: r}`, reply: `{number: '=r.body["e:BookResponse"]["e:Number"]'}`, headers: []string{"Content-Type", "Soapaction"},
		asked:   []string{`POST /erp text/xml "urn:erp/Book" *<e:Order>W-1</e:Order>*`},
		answers: []string{`200 text/xml <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x:BookResponse xmlns:x="urn:erp"><x:Number>E-7</x:Number></x:BookResponse></s:Body></s:Envelope>`},
		wanted:  `{"number":"E-7"}`},
	{name: "HubSpot contacts", adapter: `bearer: "hs-token-0123", ops: {search: {http: POST /crm/v3/objects/contacts/search, paging: {by: cursor, items: results, next: paging.next.after, param: after, pages: 3}}}`,
		step: `{call: P.search, with: {limit: 1}, as: all}`, reply: "=all", headers: nil,
		asked:   []string{`POST /crm/v3/objects/contacts/search {"limit":1}`, `POST /crm/v3/objects/contacts/search {"limit":1,"after":"2"}`},
		answers: []string{`200 application/json {"results":[{"id":"1"}],"paging":{"next":{"after":"2"}}}`, `200 application/json {"results":[{"id":"2"}]}`},
		wanted:  `{"items":[{"id":"1"},{"id":"2"}],"next":null}`},
	{name: "Zendesk tickets", adapter: `basic: {user: me@shop.example/token, password: "zendesk-token"}, ops: {list: {http: GET /api/v2/tickets.json, paging: {by: url, items: tickets, next: links.next, more: meta.has_more, pages: 3}}}`,
		step: `{call: P.list, with: {page: {size: 1}}, as: all}`, reply: "=all.items", headers: nil,
		asked: []string{"GET /api/v2/tickets.json?page%5Bsize%5D=1 ", "GET /api/v2/tickets.json?page%5Bafter%5D=x&page%5Bsize%5D=1 "},
		answers: []string{`200 application/json {"tickets":[{"id":1}],"links":{"next":"URL/api/v2/tickets.json?page%5Bafter%5D=x&page%5Bsize%5D=1"},"meta":{"has_more":true}}`,
			`200 application/json {"tickets":[{"id":2}],"links":{"next":"URL/api/v2/tickets.json?page%5Bafter%5D=y"},"meta":{"has_more":false}}`}, wanted: `[{"id":1},{"id":2}]`},
	{name: "Amazon SQS", adapter: `aws: {region: eu-west-1, service: sqs, access_key: AKIDEXAMPLE, secret_key: "aws-secret-key"}, ops: {send: {http: POST /, format: {reply: json}, headers: {X-Amz-Target: AmazonSQS.SendMessage, Content-Type: application/x-amz-json-1.0}}}`,
		step: `{call: P.send, with: {QueueUrl: q, MessageBody: =body.id}, as: m}`, reply: "=m", headers: []string{"X-Amz-Target", "Content-Type", "Authorization"},
		asked: []string{`POST / AmazonSQS.SendMessage application/x-amz-json-1.0 AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/*/eu-west-1/sqs/aws4_request, ` +
			`SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=* {"QueueUrl":"q","MessageBody":"W-1"}`},
		answers: []string{`200 application/x-amz-json-1.0 {"MessageId":"m1"}`}, wanted: `{"MessageId":"m1"}`},
}

// partner answers one request after another, and keeps what it was asked.
type partner struct {
	mu    sync.Mutex
	api   *partnerAPI
	url   string
	asked []string
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodHead {
		return
	}
	line := r.Method + " " + r.RequestURI
	for _, name := range p.api.headers {
		line += " " + r.Header.Get(name)
	}
	body, _ := io.ReadAll(r.Body)
	p.asked = append(p.asked, line+" "+string(body))
	if len(p.asked) > len(p.api.answers) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	answer := strings.ReplaceAll(p.api.answers[len(p.asked)-1], "URL", p.url)
	status, rest, _ := strings.Cut(answer, " ")
	head, text, _ := strings.Cut(rest, " ")
	media, more, _ := strings.Cut(head, "|")
	w.Header().Set("Content-Type", media)
	if name, value, ok := strings.Cut(more, "="); ok {
		w.Header().Set(name, strings.ReplaceAll(value, "~", " "))
	}
	code := 0
	fmt.Sscan(status, &code)
	w.WriteHeader(code)
	io.WriteString(w, text)
}

// like compares with a pattern in which * is any text.
func like(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return text == pattern
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		rest, ok = after, ok && found
	}
	return ok && strings.HasSuffix(rest, parts[len(parts)-1])
}

// Partners are called as they are, by YAML alone: every byte that each is asked, and what comes of its answer.
func TestPartnerAPIs(t *testing.T) {
	for i := range partnerAPIs {
		c := &partnerAPIs[i]
		t.Run(c.name, func(t *testing.T) {
			far := &partner{api: c}
			srv := httptest.NewServer(far)
			defer srv.Close()
			far.url = srv.URL
			s := newSite(t, strings.NewReplacer("URL", srv.URL, "P.", "far.").Replace(`
hub: {store: "sqlite:STORE", drain: 2s}
formats: {none: {type: json}, `+c.formats+`}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  far: {type: http-client, url: "URL", `+c.adapter+`}
pipelines:
  it: {from: {web: POST /it}, steps: [`+c.step+`, {reply: {status: 200, body: `+cmp.Or(c.reply, "=body")+`}}]}
`))
			s.start()
			res, err := http.Post(s.ready.URLs["web"]+"/it", "application/json", strings.NewReader(cmp.Or(c.body, `{"id":"W-1"}`)))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 200 || string(got) != c.wanted {
				t.Errorf("%d %s, want %s, %v\n%s", res.StatusCode, got, c.wanted, err, s.hub(0, "status"))
			}
			for i := range max(len(far.asked), len(c.asked)) {
				if i >= len(far.asked) || i >= len(c.asked) || !like(far.asked[i], c.asked[i]) {
					t.Errorf("request %d:\n got  %q\n want %q", i+1, far.asked, c.asked)
					break
				}
			}
		})
	}
}
