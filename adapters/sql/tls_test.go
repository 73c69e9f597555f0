package sql

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/hubtest"
)

// TestCertificateEnds: of an encrypted connection it is told when the server's certificate ends, and when ours does. An end of TLS
// stands before the real server.
func TestCertificateEnds(t *testing.T) {
	t.Parallel()
	server, err := pgx.ParseConfig(needPostgres(t))
	if err != nil {
		t.Fatal("HUB_TEST_POSTGRES is no PostgreSQL URL")
	}
	dir := t.TempDir()
	theirs, ours := hubtest.Certificate(t, nil, dir, "db.test"), hubtest.Certificate(t, nil, dir, "hub")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*theirs}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"postgresql"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go pass(client, net.JoinHostPort(server.Host, strconv.Itoa(int(server.Port))))
		}
	}()
	file := func(name string) string { return filepath.Join(dir, name) }
	u, _ := url.Parse(needPostgres(t))
	u.Host = l.Addr().String()
	u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslnegotiation": {"direct"}, "sslrootcert": {file("db.test.pem")}, "sslcert": {file("hub.pem")},
		"sslkey": {file("hub.key")}}.Encode()
	cfg := defaultConfig()
	cfg.URL = hub.Secret(u.String())
	a, err := Component().Open(cfg, &hub.Env{Name: "db", Hub: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	told := &figures.Set{}
	if err := errors.Join(a.Probe(t.Context()), a.Figures(t.Context(), told)); err != nil {
		t.Fatal(err)
	}
	now := told.Snapshot()
	for certificate, of := range map[string]*tls.Certificate{"127.0.0.1": theirs, "client certificate": ours} {
		if end := now.Sum(figures.Expiry, "db", certificate); end != float64(of.Leaf.NotAfter.Unix()) {
			t.Errorf("%s ends at %v, told is %v", certificate, of.Leaf.NotAfter, now)
		}
	}
}

// pass carries bytes between a client and the server until either ends.
func pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}
