// Package signature checks who signed a request, and signs what goes out, in
// one general form: an algorithm, how the signature is written and where it
// stands, and a template of what is signed. Vendors are rows of data.
package signature

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
)

// Options are what YAML says of a signature, beside `verify:` of a route and `sign:` of what goes out.
type Options struct {
	HMAC            []hub.Secret `yaml:"hmac" min:"1" doc:"Secret that both sides know, or two of them while it changes, of at least 16 bytes: the first signs, all are taken."`
	Key             []hub.Secret `yaml:"key" min:"1" doc:"For schemes with a key pair: the sender's public key or certificate where requests come in, our private key where they go out. PEM, or base64 as the vendor shows it."`
	Scheme          string       `yaml:"scheme" oneof:"hex|timestamped|standard-webhooks|adyen|aftership|easypost|github|mailgun|paypal|sendgrid|shopify|slack|square|stripe|svix|twilio|woocommerce" doc:"Whose form it is; what stands beside it changes that form. hex: the digest, with or without sha256= before it. timestamped: t=1700000000,v1=hex over time.body. standard-webhooks: webhook-id, webhook-timestamp, webhook-signature. Left out: timestamped if max_age is given without timestamp_header, else hex."`
	Header          string       `yaml:"header" doc:"Header that holds the signature: short for signature: '{header.NAME}'. Left out: that of the scheme; X-Signature."`
	TimestampHeader string       `yaml:"timestamp_header" doc:"Header with the time that is signed as time.body: short for time: '{header.NAME}', signed: '{time}.{body}'."`
	WebhookID       string       `yaml:"webhook_id" doc:"{webhook_id} of what is signed: the ID that the vendor gave to the webhook (paypal)."`
	Form
}

// Form says how a request is signed. Its texts are templates, as `{time}.{body}`.
type Form struct {
	Algorithm   string        `yaml:"algorithm" oneof:"hmac-sha256|hmac-sha1|hmac-sha512|ed25519|ecdsa-sha256|rsa-sha256" doc:"How it is signed. Left out: that of the scheme; hmac-sha256."`
	Encoding    string        `yaml:"encoding" oneof:"hex|base64|base64url" doc:"How the signature is written. Left out: that of the scheme; hex."`
	KeyEncoding string        `yaml:"key_encoding" oneof:"text|hex|base64" doc:"How the secrets of hmac are written. Left out: that of the scheme; text."`
	Signature   string        `yaml:"signature" doc:"Where the signature stands: '{header.X-Signature}', '{query.sig}', '{body.signature.value}'."`
	Written     string        `yaml:"form" doc:"What stands there: 'sha256={signature}', or with separator several parts: 't={time},v1={signature}'."`
	Separator   string        `yaml:"separator" doc:"What stands between the parts of form; a part may come several times."`
	Signed      string        `yaml:"signed" doc:"What is signed, of {body}, {time}, {id}, {url}, {method}, {path}, {header.NAME}, {query.NAME}, {form.NAME}, {body.a.b} of JSON, {form} (names and values, sorted), {webhook_id}; {body|sha256} and |sha512, |md5, |crc32 are digests in hex and decimal digits, |sha256-base64, |sha512-base64, |md5-base64 in base64. Left out: '{body}'."`
	Time        string        `yaml:"time" doc:"Where the time stands that is signed: Unix seconds or milliseconds, RFC 3339 or an HTTP date."`
	ID          string        `yaml:"id" doc:"What names the request among all of its sender's: sent again, it has no second effect."`
	Each        string        `yaml:"each" doc:"List of the body whose items are signed one by one: {item.a.b} of the other fields is in one of them."`
	MaxAge      time.Duration `yaml:"max_age" min:"1s" max:"168h" doc:"How far the sender's time may be off. Left out: that of the scheme; 5m where a time is signed."`

	Name   string   `yaml:"-"` // of the scheme
	Digest string   `yaml:"-"` // where a SHA-256 stands of a body that is no form: what is signed has that alone
	Ping   string   `yaml:"-"` // an unsigned body that only asks whether somebody is there begins so, and goes on with digits
	Answer string   `yaml:"-"` // what the sender wants to read when its request is taken
	Cert   string   `yaml:"-"` // where the address of the sender's certificate stands
	Certs  []string `yaml:"-"` // how addresses begin that certificates are fetched from
	Issued string   `yaml:"-"` // what the names end in that the certificates bear
}

const (
	defaultMaxAge = 5 * time.Minute
	timeAndBody   = "{time}.{body}"
)

// presets are the forms that have a name, most common first. Fields that are left out are those of fallback.
var presets = []Form{
	{Name: "hex", Written: "sha256={signature}"},
	{Name: "timestamped", Written: "t={time},v1={signature}", Separator: ",", Signed: timeAndBody},
	{Name: "standard-webhooks", Encoding: "base64", KeyEncoding: "base64", Signature: "{header.Webhook-Signature}", Written: "v1,{signature}", Separator: " ",
		ID: "{header.Webhook-Id}", Time: "{header.Webhook-Timestamp}", Signed: "{id}.{time}.{body}"},
	{Name: "standard-webhooks", Algorithm: "ed25519", Encoding: "base64", Signature: "{header.Webhook-Signature}", Written: "v1a,{signature}", Separator: " ",
		ID: "{header.Webhook-Id}", Time: "{header.Webhook-Timestamp}", Signed: "{id}.{time}.{body}"},
	{Name: "svix", Encoding: "base64", KeyEncoding: "base64", Signature: "{header.Svix-Signature}", Written: "v1,{signature}", Separator: " ",
		ID: "{header.Svix-Id}", Time: "{header.Svix-Timestamp}", Signed: "{id}.{time}.{body}"},
	{Name: "stripe", Signature: "{header.Stripe-Signature}", Written: "t={time},v1={signature}", Separator: ",", Signed: timeAndBody, ID: "{body.id}"},
	{Name: "github", Signature: "{header.X-Hub-Signature-256}", Written: "sha256={signature}", ID: "{header.X-Github-Delivery}"},
	{Name: "shopify", Encoding: "base64", Signature: "{header.X-Shopify-Hmac-Sha256}", ID: "{header.X-Shopify-Webhook-Id}"},
	{Name: "woocommerce", Encoding: "base64", Signature: "{header.X-Wc-Webhook-Signature}", ID: "{header.X-Wc-Webhook-Delivery-Id}", Ping: "webhook_id="},
	{Name: "slack", Signature: "{header.X-Slack-Signature}", Written: "v0={signature}", Time: "{header.X-Slack-Request-Timestamp}", Signed: "v0:{time}:{body}",
		ID: "{body.event_id}"},
	{Name: "twilio", Algorithm: "hmac-sha1", Encoding: "base64", Signature: "{header.X-Twilio-Signature}", Signed: "{url}{form}", Digest: "{query.bodySHA256}",
		ID: "{header.I-Twilio-Idempotency-Token}"},
	{Name: "adyen", KeyEncoding: "hex", Encoding: "base64", Each: "notificationItems", Answer: "[accepted]",
		Signature: "{item.NotificationRequestItem.additionalData.hmacSignature}",
		Signed: "{item.NotificationRequestItem.pspReference}:{item.NotificationRequestItem.originalReference}:{item.NotificationRequestItem.merchantAccountCode}:" +
			"{item.NotificationRequestItem.merchantReference}:{item.NotificationRequestItem.amount.value}:{item.NotificationRequestItem.amount.currency}:" +
			"{item.NotificationRequestItem.eventCode}:{item.NotificationRequestItem.success}",
		ID: "{item.NotificationRequestItem.pspReference}:{item.NotificationRequestItem.eventCode}:{item.NotificationRequestItem.success}"},
	{Name: "easypost", Signature: "{header.X-Hmac-Signature}", Written: "hmac-sha256-hex={signature}", KeyEncoding: "ascii", ID: "{body.id}"},
	{Name: "paypal", Algorithm: "rsa-sha256", Encoding: "base64", Signature: "{header.Paypal-Transmission-Sig}", Time: "{header.Paypal-Transmission-Time}",
		Signed: "{id}|{time}|{webhook_id}|{body|crc32}", ID: "{header.Paypal-Transmission-Id}", MaxAge: 96 * time.Hour, // it tries for three days, and signs once
		Cert: "{header.Paypal-Cert-Url}", Certs: []string{"https://api.paypal.com/v1/notifications/certs/", "https://api.sandbox.paypal.com/v1/notifications/certs/"}, Issued: ".paypal.com"},
	{Name: "sendgrid", Algorithm: "ecdsa-sha256", Encoding: "base64", Signature: "{header.X-Twilio-Email-Event-Webhook-Signature}",
		Time: "{header.X-Twilio-Email-Event-Webhook-Timestamp}", Signed: "{time}{body}", MaxAge: 24 * time.Hour}, // it tries for a day
	{Name: "mailgun", Signature: "{body.signature.signature}", Time: "{body.signature.timestamp}", Signed: "{time}{id}", ID: "{body.signature.token}",
		MaxAge: 24 * time.Hour}, // it tries for eight hours
	{Name: "aftership", Encoding: "base64", Signature: "{header.Aftership-Hmac-Sha256}", ID: "{body.event_id}"},
	{Name: "square", Encoding: "base64", Signature: "{header.X-Square-Hmacsha256-Signature}", Signed: "{url}{body}", ID: "{body.event_id}"},
}

// fallback is what a form has where nothing is said.
var fallback = Form{Algorithm: "hmac-sha256", Encoding: "hex", KeyEncoding: "text", Signature: "{header.X-Signature}", Written: "{signature}", Signed: "{body}"}

// form is what the options say, over the scheme's, over what is usual.
func (o *Options) form() (Form, error) {
	own := o.Form
	if o.Header != "" {
		own.Signature = "{header." + o.Header + "}"
	}
	if o.TimestampHeader != "" {
		own.Time = "{header." + o.TimestampHeader + "}"
		own.Signed = cmp.Or(own.Signed, timeAndBody)
	}
	name := cmp.Or(o.Scheme, "hex")
	if o.Scheme == "" && o.MaxAge > 0 && own.Time == "" && own.Signed == "" && own.Written == "" {
		name = "timestamped"
	}
	pair := len(o.Key) > 0
	if o.Scheme == "" && pair {
		return own.over(Form{Name: name}).over(fallback), nil
	}
	var found []Form
	for _, f := range presets {
		if f.Name == name {
			found = append(found, f)
		}
	}
	i := slices.IndexFunc(found, func(f Form) bool { return f.paired() == pair })
	switch {
	case len(found) == 0:
		return Form{}, fmt.Errorf("unknown scheme %q", name)
	case i < 0 && own.Algorithm == "" && pair:
		return Form{}, fmt.Errorf("%s signs with a secret: give it as hmac", name)
	case i < 0 && own.Algorithm == "" && found[0].Cert == "":
		return Form{}, fmt.Errorf("%s signs with a key pair: give the key as key", name)
	}
	return own.over(found[max(i, 0)]).over(fallback), nil
}

// paired tells that it is signed with one key and checked with another.
func (f Form) paired() bool { return f.Algorithm != "" && !strings.HasPrefix(f.Algorithm, "hmac-") }

// over is f, with the fields of under where f has none.
func (f Form) over(under Form) Form {
	out := reflect.ValueOf(&f).Elem()
	for i := range out.NumField() {
		if out.Field(i).IsZero() {
			out.Field(i).Set(reflect.ValueOf(under).Field(i))
		}
	}
	return f
}
