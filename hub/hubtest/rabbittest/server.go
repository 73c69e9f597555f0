// Package rabbittest holds what each adapter that reads from RabbitMQ must do, with a real server, whatever protocol it speaks.
package rabbittest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// shortServer starts a RabbitMQ of the test's own, which takes what is not acknowledged for 6 s for lost. It gives the addresses
// of AMQP and of STOMP.
func shortServer(t *testing.T) (byAMQP, byStomp string) {
	t.Helper()
	const server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(server); err != nil || os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("it starts a RabbitMQ of its own, with HUB_TEST_SERVERS=1 and " + server)
	}
	var ports []int
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		l.Close()
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cfg := write("advanced.config", fmt.Sprintf(`[{rabbit,[{consumer_timeout,6000},{channel_tick_interval,500},{tcp_listeners,[{"127.0.0.1",%d}]}]},{rabbitmq_stomp,[{tcp_listeners,[{"127.0.0.1",%d}]}]}].`, ports[0], ports[1]))
	names := exec.Command("epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(ports[3])) // else the server starts one that outlives it
	if err := names.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server)
	cmd.Env = append(os.Environ(), "HOME="+dir, fmt.Sprintf("RABBITMQ_NODENAME=hubtest%d@localhost", ports[0]), "RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_ADVANCED_CONFIG_FILE="+cfg, "RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "none"), "RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", "[rabbitmq_stomp]."),
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[2]), fmt.Sprintf("ERL_EPMD_PORT=%d", ports[3]))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = names.Process.Kill()
		_ = names.Wait()
	})
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	for end := time.Now().Add(2 * time.Minute); !listens(address(0)) || !listens(address(1)); time.Sleep(100 * time.Millisecond) { // either may be the last
		if time.Now().After(end) {
			t.Fatal("RabbitMQ does not start")
		}
	}
	return "amqp://guest:guest@" + address(0) + "/", "stomp://guest:guest@" + address(1)
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err == nil {
		c.Close()
	}
	return err == nil
}
