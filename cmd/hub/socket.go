package main

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

// socketPath is the control socket: --hub (a socket or its folder), else in
// $HUB_HOME, else beside the store.
func socketPath(flag, storeURL string) string {
	path := filepath.Join(folder(storeURL), socketName)
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

// control is the listening control socket.
type control struct {
	net.Listener
	path string
}

// listenControl makes the socket, for this user alone. The socket of a hub
// that is dead is replaced, that of a living one is refused.
func listenControl(path string) (*control, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	at := dialable(path)
	if len(at) > maxSocket {
		return nil, fmt.Errorf("control socket: %s is longer than %d bytes; set HUB_HOME to a shorter folder", at, maxSocket)
	}
	if st, err := os.Lstat(at); err == nil {
		if st.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("control socket: %s is no socket; remove it, or set HUB_HOME", path)
		}
		conn, err := net.DialTimeout("unix", at, time.Second)
		if err == nil {
			conn.Close()
			return nil, fmt.Errorf("a hub is running at %s; stop it, or give this one another store (HUB_STORE) or HUB_HOME", path)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("control socket: %w", err)
		}
		if err := os.Remove(at); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	}
	before := syscall.Umask(0o177) // never open to others, not even for a moment
	l, err := net.Listen("unix", at)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &control{l, path}, nil
}
