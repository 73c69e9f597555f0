package partners

import "strings"

const (
	jsonType = "application/json"
	ok       = "200\nContent-Type: application/json\n\n" // how a good answer begins
	created  = "201\nContent-Type: application/json\n\n"
)

// payments are partners of apis.md that take money: see TestPartnerAPIs.
var payments = map[string]api{
	"stripe-charge": {
		send: `{"id":"W-1","total":25.99,"currency":"EUR"}`,
		work: []talk{{`POST /v1/payment_intents
Authorization: Bearer secret-of-stripe-pay
Content-Type: application/x-www-form-urlencoded
Idempotency-Key: ????????-????-????-????-????????????
Stripe-Version: 2026-01-01

amount=2599&currency=eur&confirm=true&metadata%5Border%5D=W-1&payment_method_types%5B0%5D=card`,
			ok + `{"id":"pi_1","amount":2599,"currency":"eur","status":"succeeded"}`}},
		out:   outcome{jsonType, `{"order":"W-1","payment":"pi_1"}`},
		fault: "throttled http_429",
		bad: []talk{{`POST /v1/payment_intents
Authorization: Bearer secret-of-stripe-pay
Content-Type: application/x-www-form-urlencoded
Idempotency-Key: ????????-????-????-????-????????????
Stripe-Version: 2026-01-01

*`, `429
Content-Type: application/json
Retry-After: 1

{"error":{"code":"rate_limit"}}`}},
	},
	"square-payment": {
		send: `{"id":"W-1","total":10.00,"source":"cnon:card-nonce-ok"}`,
		work: []talk{{`POST /v2/payments
Authorization: Bearer secret-of-square
Content-Type: application/json
Square-Version: 2026-01-15

{"source_id":"cnon:card-nonce-ok","amount_money":{"amount":1000,"currency":"USD"},"idempotency_key":"` + chars(45) + `"}`,
			ok + `{"payment":{"id":"p1","status":"COMPLETED"}}`}},
		out:   outcome{jsonType, `{"order":"W-1","payment":"p1"}`},
		fault: "rejected not_success",
		bad:   []talk{{"POST /v2/payments\n*", ok + `{"payment":{"id":"p1","status":"FAILED"}}`}},
	},
	"paypal-capture": {
		login: []talk{{`POST /v1/oauth2/token
Authorization: Basic cHA6c2VjcmV0LW9mLXBheXBhbA==
Content-Type: application/x-www-form-urlencoded

grant_type=client_credentials`,
			ok + `{"scope":"https://uri.paypal.com/services/payments","access_token":"A21","token_type":"Bearer","expires_in":32400}`}},
		work: []talk{{`POST /v2/checkout/orders/W-1/capture
Authorization: Bearer A21
Content-Type: application/json
Paypal-Request-Id: ` + chars(38) + `
Prefer: return=representation

{}`,
			created + `{"id":"W-1","status":"COMPLETED"}`}},
		out:   outcome{jsonType, `{"order":"W-1","status":"COMPLETED","code":201}`},
		fault: "rejected not_success",
		bad:   []talk{{"POST /v2/checkout/orders/W-1/capture\n*", created + `{"id":"W-1","status":"DECLINED"}`}},
	},
	"adyen-payment": {
		send: `{"id":"W-1","total":1500,"currency":"JPY","card":"8415"}`,
		work: []talk{{`POST /v71/payments
Content-Type: application/json
Idempotency-Key: ????????-????-????-????-????????????
X-Api-Key: secret-of-adyen-key

{"merchantAccount":"Shop","reference":"W-1","amount":{"currency":"JPY","value":1500},"paymentMethod":{"type":"scheme","storedPaymentMethodId":"8415"},"shopperInteraction":"ContAuth"}`,
			ok + `{"pspReference":"881","resultCode":"Authorised"}`}},
		out:   outcome{jsonType, `{"order":"W-1","psp":"881"}`},
		fault: "rejected not_success",
		bad:   []talk{{"POST /v71/payments\n*", ok + `{"pspReference":"880","resultCode":"Refused","refusalReason":"Not enough balance"}`}},
	},
	"klarna-order": {
		send: `{"id":"W-1","token":"b4bd3423","lines":[{"sku":"SKU-1","qty":3,"price":5.20},{"sku":"SKU-2","qty":1,"price":19.99}]}`,
		work: []talk{{`POST /payments/v1/authorizations/b4bd3423/order
Authorization: Basic SzEyMzpzZWNyZXQtb2Yta2xhcm5h
Content-Type: application/json
Klarna-Idempotency-Key: ????????-????-????-????-????????????

{"purchase_country":"DE","purchase_currency":"EUR","order_amount":3559,"order_tax_amount":568,"order_lines":[` +
			`{"name":"SKU-1","quantity":3,"unit_price":520,"tax_rate":1900,"total_amount":1560,"total_tax_amount":249},` +
			`{"name":"SKU-2","quantity":1,"unit_price":1999,"tax_rate":1900,"total_amount":1999,"total_tax_amount":319}]}`,
			ok + `{"order_id":"k-1","fraud_status":"ACCEPTED"}`}},
		out:   outcome{jsonType, `{"order":"W-1","klarna":"k-1","status":"ACCEPTED"}`},
		fault: "rejected http_409",
		bad: []talk{{"POST /payments/v1/authorizations/b4bd3423/order\n*", `409
Content-Type: application/json

{"error_code":"CONFLICT","error_messages":["the same key with another body"]}`}},
	},
	"mollie-payment": {
		send: `{"id":"W-1","total":10,"currency":"EUR"}`,
		work: []talk{{`POST /v2/payments
Authorization: Bearer secret-of-mollie
Content-Type: application/json
Idempotency-Key: ????????-????-????-????-????????????

{"amount":{"currency":"EUR","value":"10.00"},"description":"Order W-1","redirectUrl":"https://shop.example/orders/W-1","metadata":{"order":"W-1"}}`, `201
Content-Type: application/hal+json

{"id":"tr_7","_links":{"checkout":{"href":"https://www.mollie.com/checkout/7","type":"text/html"}}}`}},
		out:   outcome{jsonType, `{"order":"W-1","payment":"tr_7","link":"https://www.mollie.com/checkout/7"}`},
		fault: "rejected redirect",
		bad:   []talk{{"POST /v2/payments\n*", "302\nLocation: URL/login\nContent-Type: text/html\n\n<html>"}},
	},
	"avalara-tax": {
		send: `{"id":"W-1","at":"2026-03-01T12:00:00Z","customer":"C-1","lines":[{"sku":"A","qty":3,"price":5.20},{"sku":"B","qty":-1,"price":0.10}]}`,
		work: []talk{{`POST /api/v2/transactions/create
Authorization: Basic MjAwMDAwMDAwMDpzZWNyZXQtb2YtYXZhbGFyYQ==
Content-Type: application/json
X-Avalara-Client: hub; 1.0; Custom; 1.0; shop

{"type":"SalesInvoice","companyCode":"SHOP","code":"W-1","date":"2026-03-01","customerCode":"C-1","lines":[` +
			`{"number":"1","quantity":3,"amount":15.60,"itemCode":"A"},{"number":"2","quantity":-1,"amount":-0.10,"itemCode":"B"}]}`,
			created + `{"code":"W-1","totalAmount":15.5,"totalTax":1.47}`}},
		out:   outcome{jsonType, `{"order":"W-1","tax":1.47}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /api/v2/transactions/create\n*", created + `{"code":"W-1","totalAmount":1550,"totalTax":147}`}},
	},
}

// chars is a pattern of n characters.
func chars(n int) string { return strings.Repeat("?", n) }
