package partners

import "strings"

// services are partners of apis.md of all other kinds.
var services = map[string]api{
	"twilio-message": {
		send: `{"id":"W-1","phone":"+4930123"}`,
		work: []talk{{`POST /2010-04-01/Accounts/AC1/Messages.json
Authorization: Basic QUMxOnNlY3JldC1vZi10d2lsaW8=
Content-Type: application/x-www-form-urlencoded

To=%2B4930123&From=%2B15550100&Body=Your+order+W-1+%26+more`,
			created + `{"sid":"SM1","status":"queued"}`}},
		out:   outcome{jsonType, `{"order":"W-1","sid":"SM1"}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /2010-04-01/Accounts/AC1/Messages.json\n*", ok + `{"sid":"SM0"}`}},
	},
	"soap-erp": {
		work: []talk{{`POST /erp
Content-Type: text/xml
Soapaction: "urn:erp/Book"

<soap:Envelope xmlns:e="urn:erp" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><e:Book><e:Order>W-1</e:Order></e:Book></soap:Body></soap:Envelope>`, `200
Content-Type: text/xml

<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><x:BookResponse xmlns:x="urn:erp"><x:Number>E-7</x:Number></x:BookResponse></soap:Body></soap:Envelope>`}},
		out:   outcome{jsonType, `{"order":"W-1","number":"E-7"}`},
		fault: "unavailable soap_fault",
		bad: []talk{{"POST /erp\n*", `500
Content-Type: text/xml

<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>period is closed</faultstring></soap:Fault></soap:Body></soap:Envelope>`}},
	},
	"amazon-sqs": {
		send: `{"id":"W-1","queue":"https://sqs.eu-west-1.amazonaws.com/1/q"}`,
		work: []talk{{`POST /
Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/*/eu-west-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=` + chars(64) + `
Content-Type: application/x-amz-json-1.0
X-Amz-Date: ????????T??????Z
X-Amz-Target: AmazonSQS.SendMessage

{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/1/q","MessageBody":"{\"order\":\"W-1\"}"}`, `200
Content-Type: application/x-amz-json-1.0

{"MessageId":"m1"}`}},
		out:    outcome{jsonType, `{"order":"W-1","message":"m1"}`},
		fault:  "unavailable http_500",
		bad:    []talk{{"POST /\n*", "500\nContent-Type: application/x-amz-json-1.0\n\n" + `{"__type":"com.amazonaws.sqs#InternalFailure"}`}},
		signed: true,
	},
	"s3-put": {
		send: `{"id":"W-1","pdf":"JVBERi0xLjQK/w=="}`,
		work: []talk{{`PUT /labels/W-1.pdf
Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/*/eu-west-1/s3/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=` + chars(64) + `
Content-Type: application/pdf
X-Amz-Content-Sha256: ` + chars(64) + `
X-Amz-Date: ????????T??????Z

` + "%PDF-1.4\n\xff", "200\nETag: \"e1\"\n\n"}},
		out:    outcome{jsonType, `{"order":"W-1","etag":"\"e1\""}`},
		fault:  "unavailable http_503",
		bad:    []talk{{"PUT /labels/W-1.pdf\n*", "503\nContent-Type: application/xml\n\n<Error><Code>SlowDown</Code></Error>"}},
		signed: true,
	},
	"sendgrid-mail": {
		send: `{"id":"W-1","mail":"ada@example.com"}`,
		work: []talk{{`POST /v3/mail/send
Authorization: Bearer secret-of-sendgrid
Content-Type: application/json

{"personalizations":[{"to":[{"email":"ada@example.com"}],"custom_args":{"order":"W-1"}}],"from":{"email":"orders@shop.example","name":"Müller & Söhne"},` +
			`"subject":"Order W-1","content":[{"type":"text/plain","value":"Thank you."}]}`, "202\nX-Message-Id: 14c5\n\n"}},
		out:   outcome{jsonType, `{"order":"W-1","mail":"14c5"}`},
		fault: "rejected http_413",
		bad:   []talk{{"POST /v3/mail/send\n*", "413\nContent-Type: application/json\n\n" + `{"errors":[{"message":"too large"}]}`}},
	},
	"mailgun-mail": {
		send: `{"id":"W-1","mail":"ada@example.com","pdf":"JVBERi0xLjT+/w=="}`,
		work: []talk{{`POST /v3/shop.example/messages
Authorization: Basic YXBpOnNlY3JldC1vZi1tYWlsZ3VuLWtleQ==
Content-Type: multipart/form-data; boundary=` + boundary + `

` + form("--"+boundary+"\nContent-Disposition: form-data; name=\"from\"\n\nShop <orders@shop.example>\n--"+boundary+
			"\nContent-Disposition: form-data; name=\"to\"\n\nada@example.com\n--"+boundary+
			"\nContent-Disposition: form-data; name=\"subject\"\n\nInvoice W-1\n--"+boundary+
			"\nContent-Disposition: form-data; name=\"text\"\n\nYour invoice is attached.\n--"+boundary+
			"\nContent-Disposition: form-data; name=\"attachment\"; filename=\"invoice.pdf\"\nContent-Type: application/pdf\n\n%PDF-1.4\xfe\xff\n--"+boundary+"--\n"), ok + `{"id":"<1@shop.example>","message":"Queued. Thank you."}`}},
		out:   outcome{jsonType, `{"order":"W-1","mail":"<1@shop.example>"}`},
		fault: "throttled http_429",
		bad:   []talk{{"POST /v3/shop.example/messages\n*", "429\nRetry-After: 0.7\nContent-Type: application/json\n\n{}"}},
	},
	"google-sheets": {
		send: `{"id":"W-1","total":44.90}`,
		login: []talk{{`POST /token
Content-Type: application/x-www-form-urlencoded

assertion=*.*.*&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer`,
			ok + `{"access_token":"ya29","expires_in":3599,"token_type":"Bearer"}`}},
		work: []talk{{`POST /v4/spreadsheets/1BxiMVs0XRA5/values/Orders%21A1:append?valueInputOption=RAW
Authorization: Bearer ya29
Content-Type: application/json

{"values":[["W-1",44.90,"paid"]]}`,
			ok + `{"updates":{"updatedRange":"Orders!A2:C2"}}`}},
		out:   outcome{jsonType, `{"order":"W-1","range":"Orders!A2:C2"}`},
		fault: "rejected http_403",
		bad:   []talk{{"POST /v4/spreadsheets/*", "403\nContent-Type: application/json\n\n" + `{"error":{"code":403,"status":"PERMISSION_DENIED"}}`}},
	},
	"sap-odata": {
		send: `{"id":"W-1","sku":"TG11"}`,
		work: []talk{{`GET /sap/opu/odata/sap/API_SALES_ORDER_SRV/
Authorization: Basic SFVCOnNlY3JldC1vZi1zYXA=
Sap-Client: 100
X-Csrf-Token: Fetch

`, `200
Content-Type: application/json
X-CSRF-Token: tok==
Set-Cookie: SAP_SESSIONID_S4H_100=abc%3d; path=/; HttpOnly

{"d":{"EntitySets":["A_SalesOrder"]}}`},
			{`POST /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder
Authorization: Basic SFVCOnNlY3JldC1vZi1zYXA=
Content-Type: application/json
Cookie: SAP_SESSIONID_S4H_100=abc%3d
Sap-Client: 100
X-Csrf-Token: tok==

{"SalesOrderType":"OR","PurchaseOrderByCustomer":"W-1","to_Item":{"results":[{"Material":"TG11","RequestedQuantity":"2"}]}}`,
				created + `{"d":{"SalesOrder":"4711"}}`}},
		out:   outcome{jsonType, `{"order":"W-1","sap":"4711"}`},
		fault: "rejected http_403",
		bad: []talk{{"GET /sap/opu/odata/sap/API_SALES_ORDER_SRV/\n*", "200\nContent-Type: application/json\nX-CSRF-Token: tok==\nSet-Cookie: SAP_SESSIONID_S4H_100=abc%3d; path=/\n\n{}"},
			{"POST /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder\n*", "403\nX-CSRF-Token: Required\nContent-Type: text/plain\n\nCSRF token validation failed"}},
	},
}

// boundary is made of the content, so that it is the same at each attempt.
const boundary = "79c8785bb91d56198c9760496ea2586854d473c01703881a"

// form has the line ends of a multipart form.
func form(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
