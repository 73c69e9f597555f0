package partners

// shops are partners of apis.md that sell, and those who know our customers.
var shops = map[string]api{
	"stripe-list": {
		send: `{"since":"2023-11-14T22:13:20Z"}`,
		work: []talk{{`GET /v1/charges?created%5Bgte%5D=1700000000&expand=data.customer&limit=2
Authorization: Basic c2tfbGl2ZTpzZWNyZXQtb2Ytc3RyaXBlLXJlYWQ=

`,
			ok + `{"object":"list","data":[{"id":"ch_1"},{"id":"ch_2"}],"has_more":true}`},
			{`GET /v1/charges?created%5Bgte%5D=1700000000&expand=data.customer&limit=2&starting_after=ch_2
Authorization: Basic c2tfbGl2ZTpzZWNyZXQtb2Ytc3RyaXBlLXJlYWQ=

`,
				ok + `{"object":"list","data":[{"id":"ch_3"}],"has_more":false}`}},
		out:   outcome{jsonType, `{"charges":["ch_1","ch_2","ch_3"]}`},
		fault: "rejected bad_response",
		bad: []talk{{chargesPage + "limit=2\n*", ok + `{"data":[{"id":"ch_1"},{"id":"ch_2"}],"has_more":true}`},
			{chargesPage + "limit=2&starting_after=ch_2\n*", ok + `{"data":[{"id":"ch_3"},{"id":"ch_4"}],"has_more":true}`},
			{chargesPage + "limit=2&starting_after=ch_4\n*", ok + `{"data":[{"id":"ch_1"},{"id":"ch_2"}],"has_more":true}`}},
	},
	"shopify-orders": {
		work: []talk{{`GET /admin/api/2026-01/orders.json?limit=2&status=any
X-Shopify-Access-Token: secret-of-shopify

`, `200
Content-Type: application/json; charset=utf-8
Link: <URL/admin/api/2026-01/orders.json?page_info=abc&limit=2>; rel="next"

{"orders":[{"id":1},{"id":2}]}`},
			{`GET /admin/api/2026-01/orders.json?page_info=abc&limit=2
X-Shopify-Access-Token: secret-of-shopify

`, `200
Content-Type: application/json; charset=utf-8
Link: <URL/admin/api/2026-01/orders.json?page_info=zzz>; rel="previous"

{"orders":[{"id":3}]}`}},
		out:   outcome{jsonType, `{"orders":[1,2,3]}`},
		fault: "rejected bad_response",
		bad: []talk{{"GET /admin/api/2026-01/orders.json?limit=2&status=any\n*", `200
Content-Type: application/json
Link: <https://evil.example/orders.json?page_info=abc>; rel="next"

{"orders":[{"id":1},{"id":2}]}`}},
	},
	"shopify-graphql": {
		send: `{"id":"450789469"}`,
		work: []talk{{`POST /admin/api/2026-01/graphql.json
Content-Type: application/json
X-Shopify-Access-Token: secret-of-shopify-admin

{"query":"mutation($input: OrderMarkAsPaidInput!) { orderMarkAsPaid(input: $input) { order { id displayFinancialStatus } userErrors { field message } } }",` +
			`"variables":{"input":{"id":"gid://shopify/Order/450789469"}}}`,
			ok + `{"data":{"orderMarkAsPaid":{"order":{"id":"gid://shopify/Order/450789469","displayFinancialStatus":"PAID"},"userErrors":[]}}}`}},
		out:   outcome{jsonType, `{"order":"450789469","status":"PAID"}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /admin/api/2026-01/graphql.json\n*", ok + `{"data":{"orderMarkAsPaid":{"order":null,"userErrors":[{"field":["id"],"message":"Order cannot be marked as paid."}]}}}`}},
	},
	"hubspot-contacts": {
		send: `{"mail":"ada@example.com"}`,
		work: []talk{{`POST /crm/v3/objects/contacts/search
Authorization: Bearer secret-of-hubspot
Content-Type: application/json

{"limit":1,"filterGroups":[{"filters":[{"propertyName":"email","operator":"EQ","value":"ada@example.com"}]}]}`,
			ok + `{"total":2,"results":[{"id":"1"}],"paging":{"next":{"after":"2"}}}`},
			{`POST /crm/v3/objects/contacts/search
Authorization: Bearer secret-of-hubspot
Content-Type: application/json

{"limit":1,"filterGroups":[{"filters":[{"propertyName":"email","operator":"EQ","value":"ada@example.com"}]}],"after":"2"}`,
				ok + `{"total":2,"results":[{"id":"2"}]}`}},
		out:   outcome{jsonType, `{"contacts":["1","2"]}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /crm/v3/objects/contacts/search\n*", "200\nContent-Type: application/json\nContent-Length: 500\n\n" + `{"total":2,"results":[{"id":"1"`}},
	},
	"zendesk-tickets": {
		work: []talk{{`GET /api/v2/tickets.json?page%5Bsize%5D=1
Authorization: Basic bWVAc2hvcC5leGFtcGxlL3Rva2VuOnNlY3JldC1vZi16ZW5kZXNr

`,
			ok + `{"tickets":[{"id":1}],"links":{"next":"URL/api/v2/tickets.json?page%5Bafter%5D=x&page%5Bsize%5D=1"},"meta":{"has_more":true}}`},
			{`GET /api/v2/tickets.json?page%5Bafter%5D=x&page%5Bsize%5D=1
Authorization: Basic bWVAc2hvcC5leGFtcGxlL3Rva2VuOnNlY3JldC1vZi16ZW5kZXNr

`,
				ok + `{"tickets":[{"id":2}],"links":{"next":"URL/api/v2/tickets.json?page%5Bafter%5D=y"},"meta":{"has_more":false}}`}},
		out:   outcome{jsonType, `{"tickets":[1,2]}`},
		fault: "rejected bad_response",
		bad:   []talk{{"GET /api/v2/tickets.json?page%5Bsize%5D=1\n*", ok + `{"error":"OutOfOrder","links":{"next":null},"meta":{"has_more":false}}`}},
	},
	"amazon-orders": {
		send:    `{"since":"2026-03-01T00:00:00Z"}`,
		secrets: map[string]string{"amazon-refresh": "Atzr|IwEB", "amazon": "amzn1.oa2-cs.v1.1234"},
		work: []talk{{`POST /auth/o2/token
Content-Type: application/x-www-form-urlencoded

grant_type=refresh_token&refresh_token=Atzr%7CIwEB&client_id=amzn1.application-oa2-client.1&client_secret=amzn1.oa2-cs.v1.1234`,
			ok + `{"access_token":"Atza|1","token_type":"bearer","expires_in":3600}`},
			{`GET /orders/v0/orders?CreatedAfter=2026-03-01T00%3A00%3A00Z&MarketplaceIds=A1PA6795UKMFR9
X-Amz-Access-Token: Atza|1

`,
				ok + `{"payload":{"Orders":[{"AmazonOrderId":"902-1"}],"NextToken":"n=="}}`},
			{`GET /orders/v0/orders?CreatedAfter=2026-03-01T00%3A00%3A00Z&MarketplaceIds=A1PA6795UKMFR9&NextToken=n%3D%3D
X-Amz-Access-Token: Atza|1

`,
				ok + `{"payload":{"Orders":[{"AmazonOrderId":"902-2"}]}}`}},
		out:   outcome{jsonType, `{"orders":["902-1","902-2"]}`},
		fault: "throttled http_429",
		bad: []talk{{"POST /auth/o2/token\n*", ok + `{"access_token":"Atza|0","token_type":"bearer","expires_in":3600}`},
			{"GET /orders/v0/orders?*", "429\nX-Amzn-Ratelimit-Limit: 0.0167\nContent-Type: application/json\n\n" + `{"errors":[{"code":"QuotaExceeded"}]}`}},
	},
	"woocommerce-orders": {
		send: `{"since":"2026-03-01T00:00:00Z"}`,
		work: []talk{{`GET /wp-json/wc/v3/orders?after=2026-03-01T00%3A00%3A00Z&per_page=2&status=processing&status=on-hold
Authorization: Basic Y2tfMTIzNDpzZWNyZXQtb2Ytd29v

`, `200
Content-Type: application/json; charset=UTF-8
Link: <URL/wp-json/wc/v3/orders?per_page=2&page=2>; rel="next"

[{"id":11},{"id":12}]`},
			{`GET /wp-json/wc/v3/orders?per_page=2&page=2
Authorization: Basic Y2tfMTIzNDpzZWNyZXQtb2Ytd29v

`, `200
Content-Type: application/json; charset=UTF-8
Link: <URL/wp-json/wc/v3/orders?per_page=2&page=1>; rel="prev"

[{"id":13}]`}},
		out:   outcome{jsonType, `{"orders":[11,12,13]}`},
		fault: "rejected bad_response",
		bad:   []talk{{"GET /wp-json/wc/v3/orders?*", ok + `{"1":{"id":11},"2":{"id":12}}`}},
	},
	"magento-orders": {
		send: `{"since":"2026-03-01 00:00:00"}`,
		work: []talk{{`GET /rest/V1/orders?searchCriteria%5BcurrentPage%5D=1&searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bcondition_type%5D=gt` +
			`&searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bfield%5D=updated_at` +
			`&searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bvalue%5D=2026-03-01+00%3A00%3A00&searchCriteria%5BpageSize%5D=2
Authorization: Bearer secret-of-magento

`,
			ok + `{"items":[{"increment_id":"000000001"},{"increment_id":"000000002"}],"total_count":3}`},
			{`GET /rest/V1/orders?searchCriteria%5BcurrentPage%5D=2&*
Authorization: Bearer secret-of-magento

`,
				ok + `{"items":[{"increment_id":"000000003"}],"total_count":3}`}},
		out:   outcome{jsonType, `{"orders":["000000001","000000002","000000003"]}`},
		fault: "rejected bad_response",
		bad:   []talk{{"GET /rest/V1/orders?*", "200\nContent-Type: application/json\n\n<br />\n<b>Notice</b>: Undefined index" + `{"items":[]}`}},
	},
	"salesforce-order": {
		send:  `{"id":"W-1","total":44.90}`,
		login: []talk{{saleslogin, ok + `{"access_token":"00D1","instance_url":"https://shop.my.salesforce.com","token_type":"Bearer"}`}},
		work: []talk{{`PATCH /services/data/v62.0/sobjects/Order__c/Number__c/W-1
Authorization: Bearer 00D?
Content-Type: application/json

{"Total__c":44.90,"Status__c":"Paid"}`,
			created + `{"id":"a00","success":true,"errors":[]}`}},
		out:   outcome{jsonType, `{"order":"W-1","made":true}`},
		fault: "renewed",
		bad: []talk{{"PATCH /services/data/v62.0/sobjects/Order__c/Number__c/W-1\nAuthorization: Bearer 00D1\n*",
			"401\nContent-Type: application/json\n\n" + `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
			{saleslogin, ok + `{"access_token":"00D2","instance_url":"https://shop.my.salesforce.com","token_type":"Bearer"}`}},
	},
}

const chargesPage = "GET /v1/charges?created%5Bgte%5D=1700000000&expand=data.customer&"

const saleslogin = `POST /services/oauth2/token
Content-Type: application/x-www-form-urlencoded

assertion=*.*.*&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer`
