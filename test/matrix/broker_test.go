package matrix

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"orderhub/hub/hubtest"
)

// broker is a Kafka of the test's own. A broker tells its clients where to
// connect, so that a proxy before a shared one would be passed by: this one has
// a listener for each link, which tells the link's address.
type broker struct {
	direct    string
	transport *kafka.Transport
	links     chan [2]string // free ones: the address that is told, and that of the listener behind it
	dir       string
	process   *exec.Cmd
}

var errNoJars = errors.New("no Kafka: HUB_TEST_KAFKA_LIB does not name a folder with its jars, or there is no java")

// kafkaOfAll is the broker of all tests of the package.
var kafkaOfAll sharedBroker

// sharedBroker is one that the first who needs it starts.
type sharedBroker struct {
	mu     sync.Mutex
	broker *broker
	err    error
}

func (s *sharedBroker) get(t testing.TB) *broker {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker == nil && s.err == nil {
		s.broker, s.err = startBroker(t)
	}
	if errors.Is(s.err, errNoJars) {
		missing(t, "%v", s.err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.broker
}

func (s *sharedBroker) stop() {
	if s.broker != nil {
		s.broker.stop()
	}
}

func startBroker(t testing.TB) (*broker, error) {
	lib := env("HUB_TEST_KAFKA_LIB", filepath.Join(os.TempDir(), "peers/kafka/lib"))
	if _, err := exec.LookPath("java"); err != nil {
		return nil, errNoJars
	}
	if jars, _ := filepath.Glob(filepath.Join(lib, "kafka_*.jar")); len(jars) == 0 {
		return nil, errNoJars
	}
	dir, err := os.MkdirTemp("", "hub-matrix-kafka")
	if err != nil {
		return nil, err
	}
	b := &broker{dir: dir, direct: hubtest.FreePort(t), transport: &kafka.Transport{MetadataTTL: time.Second}, links: make(chan [2]string, 2*atOnce)}
	controller := hubtest.FreePort(t)
	listeners, told, kinds := "DIRECT://"+b.direct+",CONTROLLER://"+controller, "DIRECT://"+b.direct, "DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for i := range cap(b.links) {
		front, back := hubtest.FreePort(t), hubtest.FreePort(t)
		listeners += fmt.Sprintf(",LINK%d://%s", i, back)
		told += fmt.Sprintf(",LINK%d://%s", i, front)
		kinds += fmt.Sprintf(",LINK%d:PLAINTEXT", i)
		b.links <- [2]string{front, back}
	}
	file := filepath.Join(dir, "server.properties")
	settings := strings.Join([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller, "controller.listener.names=CONTROLLER",
		"listeners=" + listeners, "advertised.listeners=" + told, "listener.security.protocol.map=" + kinds, "inter.broker.listener.name=DIRECT",
		"log.dirs=" + filepath.Join(dir, "data"), "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4", "group.initial.rebalance.delay.ms=0",
	}, "\n")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{"-Xmx384m", "-Dlog4j.configuration=file:" + filepath.Join(lib, "../log4j.properties"), "-cp", lib + "/*"}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", file).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "kafka.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	b.process = java("kafka.Kafka", file)
	b.process.Stdout, b.process.Stderr = log, log
	if err := b.process.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp", b.direct)
		if err == nil {
			return b, conn.Close()
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log.Name())
			b.stop()
			return nil, fmt.Errorf("Kafka does not start: %s", said[max(0, len(said)-4000):])
		}
	}
}

func (b *broker) stop() {
	b.process.Process.Kill()
	b.process.Wait()
	b.transport.CloseIdleConnections()
	os.RemoveAll(b.dir)
}

// link is a link to the broker, which is given back at the end of the test.
func (b *broker) link(t testing.TB) *link {
	t.Helper()
	pair := <-b.links
	t.Cleanup(func() { b.links <- pair })
	return newLink(t, pair[0], pair[1])
}
