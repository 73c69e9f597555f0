package kafka

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/trust"
)

// Config is an entry of `adapters:` with `type: kafka`.
type Config struct {
	Brokers     []string          `yaml:"brokers" required:"true" doc:"Brokers to begin with, host:port, as a list or parted by commas. The others are found through them."`
	ClientID    string            `yaml:"client_id" default:"orderhub" doc:"Name that the brokers' logs and quotas know us by."`
	TLS         TLS               `yaml:"tls" doc:"Encryption. On when enabled, or when any of its fields is given."`
	SASL        SASL              `yaml:"sasl" doc:"Authentication. Left out: none, or by the certificate of tls."`
	DialTimeout time.Duration     `yaml:"dial_timeout" default:"10s" min:"100ms" max:"2m" doc:"Time for one connection, with TLS and authentication."`
	Timeout     time.Duration     `yaml:"timeout" default:"10s" min:"100ms" max:"5m" doc:"Time for the answer to a request, such as the confirmation of what was sent."`
	MaxMessage  int               `yaml:"max_message" unit:"bytes" default:"1MiB" min:"1KiB" max:"256MiB" doc:"Largest record that is sent, key and headers included; a larger one is rejected as too_large. The broker's own limit (message.max.bytes) holds as well."`
	Create      Create            `yaml:"create" doc:"Topics that are missing."`
	Ops         map[string]string `yaml:"ops" doc:"What call may name, each with the topic that takes the requests: topic stock.commands."`
	ReplyTopic  string            `yaml:"reply_topic" doc:"Topic that replies to our calls come by. Hubs may share one. It is made with one partition when it is missing, unless create.when is never. Left out: the hub's name and .replies, such as order-hub.replies."`
}

// TLS is how connections are encrypted.
type TLS struct {
	Enabled bool `yaml:"enabled" doc:"Encrypt, and check the brokers' certificates with the system's authorities."`
	trust.TLS
}

// SASL is who we are.
type SASL struct {
	Mechanism string     `yaml:"mechanism" oneof:"plain|scram-sha-256|scram-sha-512" doc:"How the password is shown to be known. plain sends it, so it needs tls."`
	User      string     `yaml:"user" doc:"The name."`
	Password  hub.Secret `yaml:"password" doc:"The password."`
}

// Create says which topics are created when they are missing, and how.
type Create struct {
	When        string `yaml:"when" oneof:"channels|always|never" default:"channels" doc:"channels: topics of channels that have via. always: those of from and send too. never: a missing topic is an error."`
	Partitions  int    `yaml:"partitions" default:"4" min:"1" max:"10000" doc:"Partitions of a new topic."`
	Replication int    `yaml:"replication" min:"1" max:"100" doc:"Copies of each partition. Left out: what the brokers have as their default."`
}

// SourceConfig are the options of `from: {kafka: "topic web.orders", …}`.
type SourceConfig struct {
	Group      string            `yaml:"group" required:"true" doc:"Consumer group. Its members, hubs or others, share the partitions, and go on where the group was."`
	Workers    int               `yaml:"workers" default:"64" min:"1" max:"4096" doc:"Messages handled at once."`
	Start      string            `yaml:"start" oneof:"first|last" default:"first" doc:"Where a group begins that has no position yet. first: with what is there. last: with what comes."`
	OnLost     string            `yaml:"on_lost" oneof:"stop|earliest|latest" default:"stop" doc:"What to do when the group's position is no longer in the log, or the topic was deleted and made anew. stop: fail until somebody decides. earliest, latest: go on at that end of the log."`
	MaxWait    time.Duration     `yaml:"max_wait" default:"250ms" min:"10ms" max:"30s" doc:"How long the broker holds a fetch that finds nothing."`
	MaxBytes   int               `yaml:"max_bytes" unit:"bytes" default:"1MiB" min:"1KiB" max:"64MiB" doc:"Bytes of one fetch of a partition. A larger record comes alone."`
	MaxMessage int               `yaml:"max_message" unit:"bytes" default:"16MiB" min:"1KiB" max:"128MiB" doc:"Largest record that is taken, key and headers included; a larger one is refused, too_large; hub refused tells where it lies."`
	Match      map[string]string `yaml:"match" doc:"Headers and their values: records without them count as handled and give no message."`
}

// SendOptions are the options of `send: {kafka: "topic orders", …}`.
type SendOptions struct {
	Key        string `yaml:"key" doc:"Key of the record: records of one key lie in one partition, in order. Left out: the message's key, and without one any partition."`
	RoutingKey string `yaml:"routing-key" doc:"Routing key, for readers of a topic channel."`
}

const (
	createChannels = "channels"
	createAlways   = "always"
	createNever    = "never"

	startFirst = "first"
	startLast  = "last"

	lostStop     = "stop"
	lostEarliest = "earliest"
	lostLatest   = "latest"
)

// replyTopic returns the topic that replies to our calls come by.
func (c *Config) replyTopic(env *hub.Env) string {
	return cmp.Or(c.ReplyTopic, env.Hub+".replies")
}

// creation returns how a missing topic of the hub's own is created. Without partitions it is not.
func (c *Config) creation(partitions int) Create {
	if c.Create.When == createNever {
		return Create{}
	}
	return Create{Partitions: partitions, Replication: c.Create.Replication}
}

// replicas returns the number of copies for the protocol, where -1 stands for the brokers' default.
func (c Create) replicas() int {
	if c.Replication == 0 {
		return -1
	}
	return c.Replication
}

// addresses returns the brokers one by one.
func (c *Config) addresses() (out []string) {
	for _, entry := range c.Brokers {
		for part := range strings.SplitSeq(entry, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// check finds the faults that tags can't find.
func (c *Config) check(env *hub.Env) []hub.FieldFault {
	var faults hub.FieldFaults
	local := true
	for _, addr := range c.addresses() {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host == "" || port == "" {
			faults.Add("brokers", "write host:port, such as kafka-1:9092", "brokers: %q is no address", addr)
			continue
		}
		local = local && trust.Local(host)
	}
	faults = append(faults, c.TLS.Faults()...)
	if c.TLS.on() {
		if _, err := c.TLS.config(env); err != nil {
			faults.Add("tls", "write files of PEM blocks", "tls: %v", err)
		}
	}
	faults = append(append(faults, c.SASL.faults(c.TLS.on() || local)...), places.CheckOps(c.Ops)...)
	if topic := c.replyTopic(env); checkTopic(topic) != nil && (c.ReplyTopic != "" || len(c.Ops) > 0) {
		faults.Add("reply_topic", "write letters, digits, . _ and -, at most 249", "reply_topic: %q can't be the name of a topic", topic)
	}
	return faults
}

const (
	mechanismPlain  = "plain"
	mechanismSHA256 = "scram-sha-256"
	mechanismSHA512 = "scram-sha-512"
)

var mechanisms = []string{mechanismSHA512, mechanismSHA256, mechanismPlain}

func (t TLS) on() bool { return t != TLS{} }

// config returns nil when connections are not encrypted.
func (t TLS) config(env *hub.Env) (*tls.Config, error) {
	if !t.on() {
		return nil, nil
	}
	return t.Load(env, "")
}

// faults finds the faults that tags can't find. A password may be sent unencrypted when clear is true.
func (s SASL) faults(clear bool) (faults hub.FieldFaults) {
	switch {
	case s.Mechanism == "" && (s.User != "" || s.Password != ""):
		faults.Add("sasl", "add mechanism: scram-sha-512, scram-sha-256 or plain", "sasl: the mechanism is missing")
	case s.Mechanism != "" && !slices.Contains(mechanisms, s.Mechanism):
		faults.Add("sasl.mechanism", "write "+strings.Join(mechanisms, ", "), "sasl: mechanism %q is not known", s.Mechanism)
	case s.Mechanism != "" && (s.User == "" || s.Password == ""):
		faults.Add("sasl", "add user: and password: secret:name", "sasl: user or password is missing")
	case s.Mechanism == mechanismPlain && !clear:
		faults.Add("sasl.mechanism", "add tls: {enabled: true}, or use scram-sha-512", "sasl: plain would send the password unencrypted")
	}
	return faults
}

// mechanism returns nil when there is no authentication.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case mechanismPlain:
		return plain.Mechanism{Username: s.User, Password: s.Password.Reveal()}, nil
	case mechanismSHA256:
		return scram.Mechanism(scram.SHA256, s.User, s.Password.Reveal())
	case mechanismSHA512:
		return scram.Mechanism(scram.SHA512, s.User, s.Password.Reveal())
	}
	return nil, fmt.Errorf("mechanism %q is not known", s.Mechanism)
}

// places reads, checks and finds the topics that a configuration names, such as "topic web.orders".
var places broker.Parser[string] = parseTopic

func parseTopic(text string) (topic string, err error) {
	words := strings.Fields(text)
	switch {
	case len(words) == 2 && words[0] == "topic":
		return words[1], checkTopic(words[1])
	case len(words) == 1 && words[0] != "topic":
		return "", broker.Wrong("write topic "+words[0], "%q is no topic", text)
	}
	return "", broker.Wrong("write topic and its name, such as topic web.orders", "%q is no topic", text)
}

// checkTopic checks that Kafka takes name for a topic.
func checkTopic(name string) error {
	ok := name != "" && name != "." && name != ".." && len(name) <= 249
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return broker.Wrong("write letters, digits, . _ and -, at most 249: topic web.orders", "%q can't be the name of a topic", name)
	}
	return nil
}

// place returns the channel that stands for a topic where the hub runs without Kafka: each pipeline that reads it gets all of its messages.
func place(arg string, c *SourceConfig) (hub.Carried, hub.Subscription, error) {
	topic, err := parseTopic(arg)
	if c == nil || len(c.Match) == 0 {
		return hub.Carried{Name: topic, Type: "fanout"}, hub.Subscription{}, err
	}
	return hub.Carried{Name: topic, Type: "headers"}, hub.Subscription{Match: c.Match}, err
}
