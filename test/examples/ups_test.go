package examples

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
)

// TestUPSLabel: one token serves until it is refused; a busy UPS is waited for as it says; the label's bytes are in the file; and a shipment
// that may have been made is not asked for again.
func TestUPSLabel(t *testing.T) {
	t.Parallel()
	label := "GIF89a\x00\x01\xfe\xff\x80\r\n\x1a"
	token := func(name string) canned {
		return canned{200, "", `{"token_type":"Bearer","access_token":"` + name + `","expires_in":"14399","status":"approved"}`}
	}
	shipped := canned{200, "", `{"ShipmentResponse":{"ShipmentResults":{"ShipmentIdentificationNumber":"1Z1","PackageResults":[{"TrackingNumber":"1Z1",` +
		`"ShippingLabel":{"ImageFormat":{"Code":"GIF"},"GraphicImage":"` + base64.StdEncoding.EncodeToString([]byte(label)) + `"}}]}}}`}
	priced := canned{200, "", `{"RateResponse":{"RatedShipment":[{"TotalCharges":{"CurrencyCode":"EUR","MonetaryValue":"12.10"}}]}}`}
	refused := canned{401, "", `{"response":{"errors":[{"code":"250002","message":"Invalid Authentication Information."}]}}`}
	ups := newPartner(t, map[string][]canned{
		"POST /security/v1/oauth/token":  {token("token-1"), token("token-2")},
		"POST /api/rating/v2409/Rate":    {{429, "Retry-After: 1", ""}, priced},
		"POST /api/shipments/v2409/ship": {shipped, refused, shipped, {504, "", ""}},
	})
	p := newPlace(t, "ups-label")
	p.set("UPS_URL", ups.url)
	p.set("UPS_CLIENT", "our-id")
	p.set("UPS_SECRET", "our-secret-0123456789")
	p.set("LABELS", filepath.Join(p.dir, "labels"))
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)

	parcel := func(order string) {
		t.Helper()
		body := p.sample("parcels.1-bremen.json")
		same(t, order, h.do("POST", "/parcels", strings.Replace(body, "W-1", order, 1)), `202 {"order":"`+order+`","status":"/parcels/`+order+`"}`)
	}
	for _, order := range []string{"W-1", "W-2"} {
		parcel(order)
		h.becomes("/parcels/"+order, `"state":"done","price":12.10,"tracking":"1Z1"`)
		file := filepath.Join(p.dir, "labels", order+"-1Z1.gif")
		await(t, soon, file, func() bool { b, _ := os.ReadFile(file); return string(b) == label }, h.report)
	}
	parcel("W-3")
	await(t, soon, "a dead letter", func() bool { return h.status().dead() == 1 }, h.report)

	getToken := "POST /security/v1/oauth/token\nAccept-Encoding: gzip\nAuthorization: Basic b3VyLWlkOm91ci1zZWNyZXQtMDEyMzQ1Njc4OQ==\n" +
		"Content-Type: application/x-www-form-urlencoded\nUser-Agent: Go-http-client/1.1\n\ngrant_type=client_credentials"
	const from = `"Shipper":{"Name":"Example Shop","ShipperNumber":"A1B2C3",` +
		`"Address":{"AddressLine":["Hafenstr. 1"],"City":"Hamburg","PostalCode":"20457","CountryCode":"DE"}}`
	const to = `"ShipTo":{"Name":"Ann Lee","Address":{"AddressLine":["Kirchweg 2"],"City":"Bremen","PostalCode":"28195","CountryCode":"DE"}},"Service":{"Code":"11"}`
	const weight = `"PackageWeight":{"UnitOfMeasurement":{"Code":"KGS"},"Weight":"1.5"}`
	with := func(token, key, order string) []string {
		return []string{"Authorization: Bearer " + token, "Idempotency-Key: " + key, "Transactionsrc: order-hub", "X-Correlation-Id: " + order}
	}
	rate := func(token, key, order string) string {
		body := `{"RateRequest":{"Shipment":{` + from + `,` + to + `,"Package":{"PackagingType":{"Code":"02"},` + weight + `}}}}`
		return jsonRequest("POST /api/rating/v2409/Rate", body, with(token, key, order)...)
	}
	ship := func(token, key, order string) string {
		body := `{"ShipmentRequest":{"Request":{"TransactionReference":{"CustomerContext":"` + order + `"}},"Shipment":{"Package":{"Packaging":{"Code":"02"},` + weight +
			`},"PaymentInformation":{"ShipmentCharge":[{"Type":"01","BillShipper":{"AccountNumber":"A1B2C3"}}]},` + from + `,` + to +
			`},"LabelSpecification":{"LabelImageFormat":{"Code":"GIF"}}}}`
		return jsonRequest("POST /api/shipments/v2409/ship", body, with(token, key, order)...)
	}
	ups.got(getToken, rate("token-1", "#1", "W-1"), rate("token-1", "#1", "W-1"), ship("token-1", "#2", "W-1"),
		rate("token-1", "#3", "W-2"), ship("token-1", "#4", "W-2"), getToken, ship("token-2", "#4", "W-2"),
		rate("token-2", "#5", "W-3"), ship("token-2", "#6", "W-3"))
}
