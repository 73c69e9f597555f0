package partners

// carriers are partners of apis.md that bring parcels.
var carriers = map[string]api{
	"ups-rating": {
		login: []talk{{`POST /security/v1/oauth/token
Authorization: Basic dXBzLWlkOnNlY3JldC1vZi11cHM=
Content-Type: application/x-www-form-urlencoded

grant_type=client_credentials`,
			ok + `{"token_type":"Bearer","access_token":"ups-token","expires_in":"14399","status":"approved"}`}},
		work: []talk{{`POST /api/rating/v2409/Rate
Authorization: Bearer ups-token*
Content-Type: application/json
Transactionsrc: shop
Transid: W-1

{"RateRequest":{"Request":{"TransactionReference":{"CustomerContext":"W-1"}}}}`,
			ok + `{"RateResponse":{"RatedShipment":{"TotalCharges":{"CurrencyCode":"EUR","MonetaryValue":"12.10"}}}}`}},
		out:   outcome{jsonType, `{"order":"W-1","price":"12.10"}`},
		fault: "renewed",
		bad: []talk{{`POST /api/rating/v2409/Rate
Authorization: Bearer ups-token
*`, `401
Content-Type: application/json

{"response":{"errors":[{"code":"250002","message":"Invalid Authentication Information."}]}}`},
			{"POST /security/v1/oauth/token\n*", ok + `{"token_type":"Bearer","access_token":"ups-token-2","expires_in":"14399","status":"approved"}`}},
	},
	"ups-label": {
		send: `{"id":"W-1","weight":1.5}`,
		login: []talk{{`POST /security/v1/oauth/token
Authorization: Basic dXBzLWlkOnNlY3JldC1vZi11cHMtc2hpcA==
Content-Type: application/x-www-form-urlencoded

grant_type=client_credentials`,
			ok + `{"access_token":"t","expires_in":"14399"}`}},
		work: []talk{{`POST /api/shipments/v2409/ship
Authorization: Bearer t
Content-Type: application/json

{"ShipmentRequest":{"Shipment":{"Description":"W-1","Service":{"Code":"11"},"Package":[{"PackageWeight":{"UnitOfMeasurement":{"Code":"KGS"},"Weight":"1.5"}}]},"LabelSpecification":{"LabelImageFormat":{"Code":"GIF"}}}}`,
			ok + `{"ShipmentResponse":{"ShipmentResults":{"PackageResults":[{"TrackingNumber":"1Z9","ShippingLabel":{"ImageFormat":{"Code":"GIF"},"GraphicImage":"R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="}}]}}}`},
			{"PUT /labels/1Z9\nContent-Type: image/gif\n\nGIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;", "204\n\n"}},
		out:   outcome{jsonType, `{"order":"W-1","tracking":"1Z9"}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /api/shipments/v2409/ship\n*", "200\nContent-Type: text/html\n\n<html><body>Scheduled maintenance</body></html>"}},
	},
	"fedex-tracking": {
		login: []talk{{`POST /oauth/token
Content-Type: application/x-www-form-urlencoded

client_id=fx&client_secret=secret-of-fedex&grant_type=client_credentials`,
			ok + `{"access_token":"f1","token_type":"bearer","expires_in":3599,"scope":"CXS"}`}},
		work: []talk{{`POST /track/v1/trackingnumbers
Authorization: Bearer f1
Content-Type: application/json
X-Locale: en_US

{"includeDetailedScans":true,"trackingInfo":[{"trackingNumberInfo":{"trackingNumber":"W-1"}}]}`,
			ok + `{"output":{"completeTrackResults":[{"trackResults":[{"latestStatusDetail":{"code":"DL"}}]}]}}`}},
		out:   outcome{jsonType, `{"parcel":"W-1","status":"DL"}`},
		fault: "unavailable http_503",
		bad:   []talk{{"POST /track/v1/trackingnumbers\n*", "503\nRetry-After: 1\nContent-Type: application/json\n\n{}"}},
	},
	"dhl-label": {
		work: []talk{{`GET /parcel/de/shipping/v2/labels?includeDocs=label&includeDocs=customs&shipment=W-1
Accept: application/pdf
Authorization: Basic c2hvcDpzZWNyZXQtb2YtZGhs
Dhl-Api-Key: secret-of-dhl-key

`, "200\nContent-Type: application/pdf\n\n%PDF-1.4\n\xff\xfe\x00\x01"}},
		out:   outcome{"application/pdf", "%PDF-1.4\n\xff\xfe\x00\x01"},
		fault: "timeout http_504",
		bad:   []talk{{"GET /parcel/de/shipping/v2/labels*", "504\nContent-Type: text/html\n\n<html>504 Gateway Time-out</html>"}},
	},
	"easypost-shipment": {
		send:    `{"id":"W-1","address":"adr_9","ounces":21.2}`,
		secrets: map[string]string{"easypost-basic": "Basic RVpBSzEyMzQ1Njo="},
		work: []talk{{`POST /v2/shipments
Authorization: Basic RVpBSzEyMzQ1Njo=
Content-Type: application/json
Idempotency-Key: ????????-????-????-????-????????????

{"shipment":{"reference":"W-1","to_address":{"id":"adr_9"},"from_address":{"id":"adr_1"},"parcel":{"weight":21.2},"service":"Ground","carrier_accounts":["ca_1"]}}`,
			created + `{"id":"shp_1","tracking_code":"9400","postage_label":{"label_url":"https://easypost-files.s3.amazonaws.com/l.png"}}`}},
		out:   outcome{jsonType, `{"order":"W-1","tracking":"9400","label":"https://easypost-files.s3.amazonaws.com/l.png"}`},
		fault: "rejected bad_response",
		bad:   []talk{{"POST /v2/shipments\n*", created + `{"id":"shp_1","tracking_code":null,"postage_label":null}`}},
	},
	"shipstation-label": {
		send: `{"id":17,"at":"2026-03-02T02:00:00Z"}`,
		work: []talk{{`POST /orders/createlabelfororder
Authorization: Basic c3Mta2V5OnNlY3JldC1vZi1zaGlwc3RhdGlvbg==
Content-Type: application/json

{"orderId":17,"carrierCode":"fedex","serviceCode":"fedex_ground","confirmation":"none","shipDate":"2026-03-01","testLabel":false}`,
			ok + `{"shipmentId":7,"trackingNumber":"7949","labelData":"JVBERi0xLjQK/w=="}`}},
		out:   outcome{jsonType, `{"order":17,"tracking":"7949","pdf":"JVBERi0xLjQK/w=="}`},
		fault: "timeout http_408",
		bad:   []talk{{"POST /orders/createlabelfororder\n*", "408\n\n"}},
	},
}
