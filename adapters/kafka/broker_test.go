package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a Kafka of the package's own, that tests may kill, on ports of its own. The jars lie in the folder that HUB_TEST_KAFKA_LIB names.
type process struct {
	dir, lib string
	addr     string
	secure   string // another listener, with TLS and passwords, for the user hub with the password geheim
	cmd      *exec.Cmd
}

// own is the one that all tests use, one after another. The first that needs it starts it, TestMain ends it.
var own struct {
	sync.Mutex
	*process
}

// jars is the folder of Kafka's jars; "": there is none.
func jars() string {
	if lib := os.Getenv("HUB_TEST_KAFKA_LIB"); lib != "" {
		return lib
	}
	for _, dir := range []string{"peers/kafka/lib", "kafka-test/lib"} {
		if lib := filepath.Join(os.TempDir(), dir); is(lib) {
			return lib
		}
	}
	return ""
}

func is(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ownBroker is the test's until its end.
func ownBroker(t testing.TB) *process {
	t.Helper()
	if os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("restarts a Kafka of its own: only with HUB_TEST_SERVERS=1")
	}
	lib := jars()
	if lib == "" {
		t.Fatal("no jars of Kafka: HUB_TEST_KAFKA_LIB names their folder")
	}
	own.Lock()
	t.Cleanup(own.Unlock)
	if own.process == nil {
		b, err := startBroker(lib)
		if err != nil {
			t.Fatal(err)
		}
		own.process = b
	}
	b := own.process
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(b.dir, "kafka.log")); err == nil && t.Failed() {
			t.Logf("the broker's last words: %s", log[max(0, len(log)-9000):])
		}
	})
	return b
}

func startBroker(lib string) (*process, error) {
	dir, err := os.MkdirTemp("", "hub-kafka")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	b := &process{dir: dir, lib: lib, addr: ports[0], secure: ports[1]}
	settings := strings.NewReplacer("DIR", b.dir, "ADDR", b.addr, "SECURE", b.secure, "INNER", ports[2]).Replace(`
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@INNER
listeners=SASL_SSL://SECURE,PLAINTEXT://ADDR,CONTROLLER://INNER
advertised.listeners=SASL_SSL://SECURE,PLAINTEXT://ADDR
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=DIR/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location=DIR/server.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_hub="geheim";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`)
	if err := errors.Join(b.certificate(), os.WriteFile(b.file(), []byte(settings), 0o644)); err != nil {
		return nil, err
	}
	format := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", b.file(),
		"--add-scram", "SCRAM-SHA-512=[name=hub,password=geheim]", "--add-scram", "SCRAM-SHA-256=[name=hub,password=geheim]")
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return b, b.start()
}

// freePorts are addresses that nobody listens at. They lie below the ports that the system gives to connections, so that one stays free while
// the broker is away.
func freePorts(n int) (out []string, err error) {
	for range 100 {
		addr := fmt.Sprint("127.0.0.1:", 20_000+mathrand.IntN(12_000))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer l.Close()
		if out = append(out, addr); len(out) == n {
			return out, nil
		}
	}
	return nil, errors.New("no free ports from 20000 to 32000")
}

// login makes the adapter one of the secure listener's users.
func (b *process) login(c *Config, mechanism string) {
	c.Brokers = []string{b.secure}
	c.TLS.CA = filepath.Join(b.dir, "ca.pem")
	c.SASL = SASL{Mechanism: mechanism, User: "hub", Password: "geheim"}
}

func (b *process) file() string { return filepath.Join(b.dir, "server.properties") }

func (b *process) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j.configuration=file:" + filepath.Join(b.lib, "../log4j.properties"), "-cp", b.lib + "/*"}, args...)...)
}

func (b *process) start() error {
	b.cmd = b.java("kafka.Kafka", b.file())
	out, err := os.OpenFile(filepath.Join(b.dir, "kafka.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	b.cmd.Stdout, b.cmd.Stderr = out, out
	return b.cmd.Start()
}

func (b *process) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
}

// endBroker ends the one that the tests used, if there is one.
func endBroker() {
	if own.process != nil {
		own.kill()
		os.RemoveAll(own.dir)
	}
}

// certificate makes server.pem, and ca.pem to trust it.
func (b *process) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orderhub test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	server := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), ca...)
	return errors.Join(os.WriteFile(filepath.Join(b.dir, "ca.pem"), ca, 0o600), os.WriteFile(filepath.Join(b.dir, "server.pem"), server, 0o600))
}
