package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	socketName = "hub.sock"
	maxSocket  = 100 // bytes of a socket's path that every system takes
)

// Socket is the path of the control socket: flag names it or its folder, else it is in $HUB_HOME, else in
// beside, the folder of the store.
func Socket(flag, beside string) string {
	path := filepath.Join(beside, socketName)
	if home := os.Getenv("HUB_HOME"); home != "" {
		path = filepath.Join(home, socketName)
	}
	if flag != "" {
		path = flag
		if st, err := os.Stat(flag); err == nil && st.IsDir() {
			path = filepath.Join(flag, socketName)
		}
	}
	return path
}

// dialable is a path that fits into a socket's address: the shorter of it and its form relative to the working directory.
func dialable(path string) string {
	if len(path) <= maxSocket {
		return path
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}

// Listen makes the control socket, for this user alone. The socket of a hub
// that is dead is replaced, that of a living one is refused.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	at := dialable(path)
	if len(at) > maxSocket {
		return nil, fmt.Errorf("control socket: %s is longer than %d bytes; set HUB_HOME to a shorter folder", at, maxSocket)
	}
	if err := removeDead(at, path); err != nil {
		return nil, err
	}
	before := syscall.Umask(0o177) // never open to others, not even for a moment
	l, err := net.Listen("unix", at)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// removeDead removes the socket that a dead hub left at a path. at is its dialable form.
func removeDead(at, path string) error {
	st, err := os.Lstat(at)
	if err != nil {
		return nil // none is there
	}
	if st.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("control socket: %s is no socket; remove it, or set HUB_HOME", path)
	}
	conn, err := net.DialTimeout("unix", at, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("a hub is running at %s; stop it, or give this one another store (HUB_STORE) or HUB_HOME", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Remove(at); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}
