package partners

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"orderhub/hub/hubtest"
)

// bank starts a server that takes only who shows a certificate of its authority, and writes those of its customer into dir.
func bank(t *testing.T, dir string) func(*httptest.Server) {
	t.Helper()
	authority := hubtest.Certificate(t, nil, dir, "bank-ca")
	hubtest.Certificate(t, authority, dir, "hub")
	customers := x509.NewCertPool()
	customers.AddCert(authority.Leaf)
	server := hubtest.Certificate(t, authority, dir, "bank")
	return func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: customers, Certificates: []tls.Certificate{*server}}
		s.StartTLS()
	}
}

var bankTransfer = api{
	send: `{"id":"P-1","amount":250,"name":"Ada & Söhne","iban":"DE02120300000000202051"}`,
	work: []talk{{`POST /payments
Content-Type: application/xml
X-Request-Id: ????????-????-????-????-????????????

<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn><GrpHdr><MsgId>P-1</MsgId><CreDtTm>????-??-??T??:??:??</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>250.00</CtrlSum></GrpHdr>` +
		`<PmtInf><CdtTrfTxInf><PmtId><EndToEndId>P-1</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">250.00</InstdAmt></Amt><Cdtr><Nm>Ada &amp; Söhne</Nm></Cdtr>` +
		`<CdtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>`, `200
Content-Type: application/xml

<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts><GrpSts>ACCP</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>`}},
	out:   outcome{jsonType, `{"id":"P-1","status":"ACCP"}`},
	fault: "unavailable connection",
	bad:   []talk{{"POST /payments\n*", "cut"}},
}
