package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// broker is a Kafka of the test's own, on a port of its own. The jars lie in the folder that HUB_TEST_KAFKA_LIB names.
type broker struct {
	t        testing.TB
	dir, lib string
	addr     string
	secure   string // another listener, with TLS and passwords
	process  *exec.Cmd
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

// newBroker starts one. users (name -> password) makes it listen at secure, too, with a certificate for 127.0.0.1.
func newBroker(t testing.TB, users map[string]string) *broker {
	if os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("restarts a Kafka of its own: only with HUB_TEST_SERVERS=1")
	}
	lib := jars()
	if lib == "" {
		t.Fatal("no jars of Kafka: HUB_TEST_KAFKA_LIB names their folder")
	}
	b := &broker{t: t, dir: t.TempDir(), lib: lib, addr: "127.0.0.1:19292", secure: "127.0.0.1:19294"}
	settings := strings.NewReplacer("DIR", b.dir, "ADDR", b.addr).Replace(`
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:19293
listeners=PLAINTEXT://ADDR,CONTROLLER://127.0.0.1:19293
advertised.listeners=PLAINTEXT://ADDR
controller.listener.names=CONTROLLER
log.dirs=DIR/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
`)
	format := []string{"kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", b.file()}
	if users != nil {
		plain := ""
		for name, password := range users {
			format = append(format, "--add-scram", "SCRAM-SHA-512=[name="+name+",password="+password+"]", "--add-scram", "SCRAM-SHA-256=[name="+name+",password="+password+"]")
			plain += fmt.Sprintf(" user_%s=%q", name, password)
		}
		settings = strings.Replace(settings, "\nlisteners=", "\nlisteners=SASL_SSL://"+b.secure+",", 1)
		settings = strings.Replace(settings, "\nadvertised.listeners=", "\nadvertised.listeners=SASL_SSL://"+b.secure+",", 1)
		settings += "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL\n" +
			"ssl.keystore.type=PEM\nssl.keystore.location=" + filepath.Join(b.dir, "server.pem") + "\n" +
			"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:ANONYMOUS\nallow.everyone.if.no.acl.found=true\n" +
			"listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required" + plain + ";\n"
		for _, kind := range []string{"256", "512"} {
			settings += "listener.name.sasl_ssl.scram-sha-" + kind + ".sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
		}
		b.certificate()
	}
	if err := os.WriteFile(b.file(), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := b.java(format...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.start()
	t.Cleanup(func() {
		b.kill()
		if log, err := os.ReadFile(filepath.Join(b.dir, "kafka.log")); err == nil && t.Failed() {
			t.Logf("the broker's last words: %s", log[max(0, len(log)-9000):])
		}
	})
	return b
}

// login makes the adapter one of the secure listener's users.
func (b *broker) login(c *Config, mechanism string) {
	c.Brokers = []string{b.secure}
	c.TLS.CA = filepath.Join(b.dir, "ca.pem")
	c.SASL = SASL{Mechanism: mechanism, User: "hub", Password: "geheim"}
}

func (b *broker) file() string { return filepath.Join(b.dir, "server.properties") }

func (b *broker) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx384m", "-Dlog4j.configuration=file:" + filepath.Join(b.lib, "../log4j.properties"), "-cp", b.lib + "/*"}, args...)...)
}

func (b *broker) start() {
	b.process = b.java("kafka.Kafka", b.file())
	if out, err := os.Create(filepath.Join(b.dir, "kafka.log")); err == nil {
		b.process.Stdout, b.process.Stderr = out, out
		defer out.Close()
	}
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) kill() {
	b.process.Process.Kill()
	b.process.Wait()
}

// certificate makes server.pem, and ca.pem to trust it.
func (b *broker) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orderhub test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	server := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), ca...)
	for name, content := range map[string][]byte{"ca.pem": ca, "server.pem": server} {
		if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}
