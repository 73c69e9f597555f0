package smtp

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Config is an entry of `adapters:` with `type: smtp`.
type Config struct {
	URL            hub.Secret      `yaml:"url" required:"true" doc:"Mail server: smtp://user:password@host:port (STARTTLS) or smtps://… (TLS from the start). Ports if left out: 587 and 465."`
	From           string          `yaml:"from" default:"orders@localhost" doc:"Sender, such as Order desk <orders@example.com>."`
	Templates      string          `yaml:"templates" default:"templates" doc:"Folder of the templates: name.txt and, for mails with an HTML part too, name.html."`
	Timeout        time.Duration   `yaml:"timeout" default:"5m" min:"100ms" max:"10m" doc:"How long each answer of the server is waited for, but for that to the final dot."`
	ConfirmTimeout time.Duration   `yaml:"confirm_timeout" default:"10m" min:"1s" max:"1h" doc:"How long a mail waits for the server's confirmation, after its final dot. Who gives up before sends it twice."`
	OnAmbiguous    hub.OnAmbiguous `yaml:"on_ambiguous" oneof:"retry|park" default:"retry" doc:"What becomes of a mail whose confirmation never came, and which may be delivered. retry: it is tried once more, after 30 minutes, and then is a dead letter. park: it is one at once."`
	MaxRecipients  int             `yaml:"max_recipients" default:"100" min:"1" max:"1000" doc:"Most recipients of one mail; more are refused."`
	TLS            string          `yaml:"tls" oneof:"auto|starttls|none" default:"auto" doc:"auto: STARTTLS must work, unless the host is this machine. starttls: also there. none: smtp:// without encryption; then the URL may hold no password, unless the host is this machine. smtps:// is always encrypted."`
	CA             string          `yaml:"ca" doc:"File of the authorities (PEM) that the server's certificate may be signed by. Left out: the system's."`
}

// SendOptions are the options of `send: {mail: template, …}`.
type SendOptions struct {
	To      string `yaml:"to" required:"true" list:"true" doc:"Recipients: one, or a list. What a formula gives as a text is one address."`
	CC      string `yaml:"cc" list:"true" doc:"Further recipients, likewise. A header cc that the message brings is left out."`
	Subject string `yaml:"subject" doc:"Subject, instead of the template's."`
}

const (
	tlsAuto     = "auto"
	tlsStartTLS = "starttls"
	tlsNone     = "none"
)

// server is where mails are handed in.
type server struct {
	host, addr     string
	user, password string
	implicit       bool // TLS from the start
	starttls       bool // must work
	config         *tls.Config

	timeout, confirm time.Duration
	ambiguous        hub.OnAmbiguous
}

var errURL = errors.New("url: write smtp://user:password@host:port or smtps://host") // never with the text: it holds the password

func parseURL(text hub.Secret, mode string) (*server, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, errURL
	}
	s := &server{host: u.Hostname(), user: u.User.Username()}
	s.password, _ = u.User.Password()
	port := ""
	switch u.Scheme {
	case "smtp":
		port, s.starttls = "587", mode == tlsStartTLS || mode != tlsNone && !trust.Local(s.host)
	case "smtps":
		port, s.implicit = "465", true
	default:
		return nil, errURL
	}
	s.addr = net.JoinHostPort(s.host, cmp.Or(u.Port(), port))
	return s, nil
}

// read gives the server and the sender that c names, and finds all that is wrong with them and that tags can't find.
func (c *Config) read() (s *server, from *mail.Address, faults hub.FieldFaults) {
	var err error
	if c.URL != "" { // without one the hub starts a stub
		switch s, err = parseURL(c.URL, c.TLS); {
		case err != nil:
			faults.Add("url", "such as smtp://mail.example.com:587", "%v", err)
		case c.TLS == tlsNone && s.password != "" && !s.implicit && !trust.Local(s.host):
			faults.Add("tls", "leave tls: none out", "tls: the password would be sent unencrypted")
		}
	}
	if from, err = mail.ParseAddress(c.From); err == nil {
		from.Address, err = asciiDomain(from.Address)
	}
	if err != nil || unsafe(c.From) {
		faults.Add("from", "such as Order desk <orders@example.com>", "from: %q is no mail address", c.From)
	}
	return s, from, faults
}
