package system

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	kafka "github.com/segmentio/kafka-go"
	"orderhub/hub/hubtest"
)

// missing skips a test whose server is not there; with HUB_TEST_SERVERS=1 it fails.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// needKafka is the address of a real Kafka.
func needKafka(t testing.TB) string {
	t.Helper()
	addr := os.Getenv("HUB_TEST_KAFKA")
	if addr == "" {
		addr = "127.0.0.1:19092"
	}
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		missing(t, "no Kafka at %s (HUB_TEST_KAFKA says where)", addr)
	}
	c.Close()
	return addr
}

// topics makes topics, and deletes them with the test.
func topics(t testing.TB, addr string, partitions int, names ...string) {
	t.Helper()
	c := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 20 * time.Second, Transport: &kafka.Transport{}}
	var configs []kafka.TopicConfig
	for _, n := range names {
		configs = append(configs, kafka.TopicConfig{Topic: n, NumPartitions: partitions, ReplicationFactor: 1})
	}
	res, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: configs})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range res.Errors {
		if err != nil {
			t.Fatal(name, err)
		}
	}
	await(t, soon, "the topics are there", func() bool {
		m, err := c.Metadata(t.Context(), &kafka.MetadataRequest{Topics: names})
		for i := range names {
			if err != nil || i >= len(m.Topics) || m.Topics[i].Error != nil || len(m.Topics[i].Partitions) < partitions {
				return false
			}
		}
		return true
	})
	t.Cleanup(func() {
		_, _ = c.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: names})
		c.Transport.(*kafka.Transport).CloseIdleConnections()
	})
}

// needRabbit is the address of a real RabbitMQ.
func needRabbit(t testing.TB) string {
	t.Helper()
	url := os.Getenv("HUB_TEST_RABBIT")
	if url == "" {
		url = "amqp://guest:guest@127.0.0.1:5672/"
	}
	c, err := amqp.Dial(url)
	if err != nil {
		missing(t, "no RabbitMQ at %s (HUB_TEST_RABBIT says where)", url)
	}
	c.Close()
	return url
}

// rabbit is a RabbitMQ of this package's own, which may be killed. The tests that want it use it one after another.
type rabbit struct {
	t       testing.TB // that uses it now
	dir     string
	url     string
	env     []string
	process *exec.Cmd
	log     *os.File
}

var ownRabbit *rabbit // nil until a test wants it

const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// runningRabbit is the package's own RabbitMQ. It is started when the first test asks for it, and ends with the last.
func runningRabbit(t testing.TB) *rabbit {
	t.Helper()
	if ownRabbit == nil {
		ownRabbit = newRabbit(t)
	}
	if ownRabbit.t = t; ownRabbit.process == nil {
		ownRabbit.start()
	}
	return ownRabbit
}

// newRabbit prepares one with data of its own; start runs it.
func newRabbit(t testing.TB) *rabbit {
	t.Helper()
	if _, err := os.Stat(rabbitServer); err != nil {
		missing(t, "no RabbitMQ on this machine: %v", err)
	}
	dir, err := os.MkdirTemp("", "rabbit") // t.TempDir's name is too long for a node
	if err != nil {
		t.Fatal(err)
	}
	port, dist, epmd := portOf(hubtest.FreePort(t)), portOf(hubtest.FreePort(t)), portOf(hubtest.FreePort(t))
	conf := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%s\ndisk_free_limit.absolute = 100MB\n", port)
	for name, text := range map[string]string{"rabbitmq.conf": conf, "plugins": "[].\n", "env": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	r := &rabbit{t: t, dir: dir, url: "amqp://guest:guest@127.0.0.1:" + port + "/"}
	r.env = append(os.Environ(), "HOME="+dir, "RABBITMQ_NODENAME=own"+port+"@localhost", "RABBITMQ_CONF_ENV_FILE="+in("env"),
		"RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE="+in("advanced.config"), "RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins"),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_PID_FILE="+in("pid"),
		"RABBITMQ_GENERATED_CONFIG_DIR="+in("schema"), "RABBITMQ_SCHEMA_DIR="+in("schema"), "RABBITMQ_NODE_PORT="+port, "RABBITMQ_DIST_PORT="+dist, "ERL_EPMD_PORT="+epmd)
	if r.log, err = os.Create(in("server.log")); err != nil {
		t.Fatal(err)
	}
	return r
}

// endRabbit ends the package's own RabbitMQ, if there is one.
func endRabbit() {
	r := ownRabbit
	if r == nil {
		return
	}
	r.kill()
	r.log.Close()
	stop := exec.Command("epmd", "-kill") // its name daemon, which it left behind, at the port that env tells
	stop.Env = r.env
	_ = stop.Run()
	os.RemoveAll(r.dir)
}

func portOf(addr string) string { _, port, _ := net.SplitHostPort(addr); return port }

// start runs it and waits until it takes connections.
func (r *rabbit) start() {
	r.t.Helper()
	cmd := exec.Command(rabbitServer)
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env, r.log, r.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.process = cmd
	await(r.t, 3*time.Minute, "RabbitMQ answers", func() bool {
		c, err := amqp.Dial(r.url)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// kill ends it at once, as kill -9 does.
func (r *rabbit) kill() {
	if r.process == nil {
		return
	}
	_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGKILL) // it and its children
	_ = r.process.Wait()                                      // killed
	r.process = nil
}
