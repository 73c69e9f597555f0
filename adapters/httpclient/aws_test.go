package httpclient

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// at is a clock that stands.
type at struct {
	hub.RealClock
	now time.Time
}

func (c at) Now() time.Time { return c.now }

// Signatures of botocore 1.44.8 (SigV4Auth and S3SigV4Auth.add_auth) for the same requests, credentials and time; and
// get-vanilla of Amazon's own test suite.
func TestAWSSignatures(t *testing.T) {
	const key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	for _, c := range []struct {
		service, region, method, url, media, body, session, signed, want string
		at                                                               time.Time
	}{
		{"service", "us-east-1", "GET", "https://example.amazonaws.com/", "", "", "", "host;x-amz-date",
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)},
		{"execute-api", "eu-west-1", "GET", "https://api.example.com/orders", "", "", "", "host;x-amz-date",
			"212b595cdadbe560bcf7d45ba95e99ae9b3c718652b3a52415a3af52736fe3cd", time.Time{}},
		{"execute-api", "eu-west-1", "GET", "https://api.example.com/orders/A%201/x?b=2&a=1&a=%C3%BC%20x&c", "", "", "", "host;x-amz-date",
			"2a86b6b8b1fb7b72c02762896fae40838cb9ef26f15ea8f5818b2ea9b2bd7ac7", time.Time{}},
		{"sqs", "us-east-1", "POST", "https://sqs.example.com:8443/q", "application/json", `{"n":1}`, "a-session-token", "content-type;host;x-amz-date;x-amz-security-token",
			"8d091e3bfa0174bdc4ba24de5c2600d7a31c1bf25d2174cd0832b8aff5600116", time.Time{}},
		{"s3", "eu-central-1", "PUT", "https://bucket.example.com/a%20b/%C3%BC.csv?x=1", "text/csv", "a;b\n", "", "content-type;host;x-amz-content-sha256;x-amz-date",
			"236783ed481e8cbf07bdab32ea7fdf6aefa6093a130a85821181180d5008dbe8", time.Time{}},
	} {
		now := c.at
		if now.IsZero() {
			now = time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC)
		}
		r, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		s := &signer{AWS: AWS{Region: c.region, Service: c.service, AccessKey: "AKIDEXAMPLE", SecretKey: key, SessionToken: hub.Secret(c.session)}, clock: at{now: now}}
		if err := s.sign(r, []byte(c.body)); err != nil {
			t.Fatal(err)
		}
		want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + now.Format("20060102") + "/" + c.region + "/" + c.service + "/aws4_request, SignedHeaders=" + c.signed + ", Signature=" + c.want
		if got := r.Header.Get("Authorization"); got != want {
			t.Errorf("%s %s:\n got  %s\n want %s", c.method, c.url, got, want)
		}
	}
}

// What is signed is what is sent: the adapter's requests carry the signature of their own bytes.
func TestAWSRequests(t *testing.T) {
	var got *http.Request
	_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) { got = r }, "POST /q/{id}", message(`{"id":"a b","n":1}`), func(cfg *Config) {
		cfg.AWS = AWS{Region: "eu-west-1", Service: "execute-api", AccessKey: "AKIDEXAMPLE", SecretKey: "secret"}
	})
	if err != nil {
		t.Fatal(err)
	}
	now, _ := time.Parse("20060102T150405Z", got.Header.Get("X-Amz-Date"))
	again, _ := http.NewRequest("POST", "http://"+got.Host+got.RequestURI, nil)
	again.Header.Set("Content-Type", got.Header.Get("Content-Type"))
	s := &signer{AWS: AWS{Region: "eu-west-1", Service: "execute-api", AccessKey: "AKIDEXAMPLE", SecretKey: "secret"}, clock: at{now: now}}
	if err := s.sign(again, []byte(`{"id":"a b","n":1}`)); err != nil || again.Header.Get("Authorization") != got.Header.Get("Authorization") || got.Header.Get("Authorization") == "" {
		t.Errorf("%q, of what came: %q, %v", got.Header.Get("Authorization"), again.Header.Get("Authorization"), err)
	}
}
