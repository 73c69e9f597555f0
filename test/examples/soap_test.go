package examples

import (
	"strings"
	"testing"

	"orderhub/hub/hubtest"
)

// TestSOAPERP: the ERP fails, and the hub is killed while the ERP works: the order is asked for again with the same key, and once it has its
// number. What the ERP refuses gives the stock back, and the order desk reads why.
func TestSOAPERP(t *testing.T) {
	t.Parallel()
	xml := func(status int, body string) canned {
		return canned{status, "Content-Type: text/xml; charset=utf-8", `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
			body + `</s:Body></s:Envelope>`}
	}
	stock := newPartner(t, map[string][]canned{
		"POST /reservations":       {{201, "", `{"id":"R-1"}`}, {201, "", `{"id":"R-2"}`}},
		"DELETE /reservations/R-2": {{503, "", ""}, {204, "", ""}},
	})
	erp := newPartner(t, map[string][]canned{"POST /soap/orders": {
		xml(500, `<s:Fault><faultcode>s:Server</faultcode><faultstring>database is locked</faultstring></s:Fault>`),
		never,
		xml(200, `<r:CreateResponse xmlns:r="urn:example:erp:orders:2"><r:Number>4711</r:Number></r:CreateResponse>`),
		xml(500, `<s:Fault><faultcode>s:Client</faultcode><faultstring>customer is blocked</faultstring><detail><code xmlns="">K-17</code></detail></s:Fault>`),
	}})
	p := newPlace(t, "soap-erp")
	p.set("STOCK_URL", stock.url)
	p.set("ERP_URL", erp.url)
	p.set("ERP_PASSWORD", "erp-0123456789abcdef")
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)

	sample := p.sample("orders.1-two-lines.json")
	same(t, "the order", h.do("POST", "/orders", sample), `202 {"order":"W-1","status":"/orders/W-1"}`)
	erp.reached(h, 2)
	h.kill()
	h.start()
	h.becomes("/orders/W-1", `"state":"booked","number":4711`)

	same(t, "the other order", h.do("POST", "/orders", strings.Replace(sample, "W-1", "W-2", 1)).status, 202)
	h.becomes("/orders/W-2", `"state":"explaining"`)
	h.becomes("/orders/W-2", `the far end reports the SOAP fault Client: customer is blocked: {\"code\":\"K-17\"}`)
	tasks, err := h.verb("task", "list")
	if err != nil || !strings.Contains(tasks, "booking:W-2/") {
		t.Errorf("the order desk has no task: %v\n%s", err, tasks)
	}

	reserve := func(order, key string) string {
		return jsonRequest("POST /reservations", `{"order":"`+order+`","items":[{"sku":"A","quantity":2,"price":19.95},{"sku":"B","quantity":1,"price":5.00}]}`,
			"Idempotency-Key: "+key, "X-Correlation-Id: "+order)
	}
	release := jsonRequest("DELETE /reservations/R-2", "", "Idempotency-Key: #3", "X-Correlation-Id: W-2")
	stock.got(reserve("W-1", "#1"), reserve("W-2", "#2"), release, release)
	create := func(order, key string) string {
		envelope := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<soap:Envelope xmlns:c="urn:example:erp:common" xmlns:e="urn:example:erp:orders:2" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">` +
			`<soap:Header><c:Sender c:system="web-shop"><c:MessageId>` + order + `</c:MessageId></c:Sender></soap:Header>` +
			`<soap:Body><e:Create><e:Order><e:Reference>` + order + `</e:Reference><e:Customer>Müller &amp; Söhne</e:Customer><e:Lines>` +
			`<e:Line no="1"><e:Sku>A</e:Sku><e:Quantity>2</e:Quantity><e:Price>19.95</e:Price></e:Line>` +
			`<e:Line no="2"><e:Sku>B</e:Sku><e:Quantity>1</e:Quantity><e:Price>5.00</e:Price></e:Line>` +
			`</e:Lines><e:Total currency="EUR">44.90</e:Total></e:Order></e:Create></soap:Body></soap:Envelope>`
		return request("POST /soap/orders", envelope,
			"Authorization: Basic aHViOmVycC0wMTIzNDU2Nzg5YWJjZGVm", "Content-Type: text/xml; charset=utf-8", "Idempotency-Key: "+key, `Soapaction: "urn:example:erp:orders:2/Create"`, "X-Correlation-Id: "+order)
	}
	erp.got(create("W-1", "#1"), create("W-1", "#1"), create("W-1", "#1"), create("W-2", "#2"))
}
