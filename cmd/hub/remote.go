package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/hub"
	"orderhub/hub/trust"
)

// elsewhere says how a hub is asked that --hub names by an address: with whose token, and by whom its certificate is signed.
type elsewhere struct {
	token, tokenFile, ca string
	client               *api.Client // nil: the hub is asked at its socket
}

func (e *elsewhere) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&e.token, "token", "", "what a hub at https:// knows you by (default: $HUB_TOKEN); others of this machine see what stands in a command line")
	f.StringVar(&e.tokenFile, "token-file", "", "file that holds the token")
	f.StringVar(&e.ca, "ca", "", "file of the authorities (PEM) that sign the certificate of a hub at https:// (default: the system's)")
}

// find makes the client of a hub at an address.
func (e *elsewhere) find(cmd *cobra.Command, at string, common url.Values) error {
	if !strings.HasPrefix(at, "https://") && !strings.HasPrefix(at, "http://") {
		return nil
	}
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Host == "":
		return exit.Usagef("--hub: %q is no address: write https://hub.example.com", at)
	case u.Scheme == "http" && !trust.Local(u.Hostname()):
		return exit.Usagef("--hub: the token would be read on the way to %s: write https://", at)
	case cmd.Name() == "run" || cmd.Name() == "sandbox":
		return exit.Usagef("--hub: %s opens a socket here: write its path", cmd.Name())
	}
	token := cmp.Or(e.token, os.Getenv("HUB_TOKEN"))
	if e.tokenFile != "" && e.token == "" {
		text, err := os.ReadFile(e.tokenFile)
		if err != nil {
			return exit.Usagef("--token-file: %v", err)
		}
		token = strings.TrimSpace(string(text))
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.ca != "" {
		cfg.RootCAs = x509.NewCertPool()
		if err := trust.Add(cfg.RootCAs, &hub.Env{}, e.ca); err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
	}
	e.client = api.NewRemote(strings.TrimSuffix(at, "/")+"/api", token, cfg, common)
	return nil
}
