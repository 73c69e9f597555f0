package main

import (
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/config"
)

// What is missing beside real partners: an error, unless its stub is asked for. Alone with stubs the hub runs.
func TestFault_M9_StubsBesideRealPartners(t *testing.T) {
	const address = "http://127.0.0.1:9"
	all := map[string]string{"BILLING_URL": address, "SHIPPING_URL": address, "COURIER_URL": address, "CATALOG_URL": address, "STOCK_URL": address, "MAIL_URL": "smtp://127.0.0.1:9",
		"HUB_SECRET_BILLING": "b", "HUB_SECRET_SHIPPING": "s", "HUB_SECRET_SHIPPING_HOOK": "the secret of the hook", "HUB_SECRET_LINKS": "the secret of the links", "HUB_SECRET_DESK": "desk-pass"}
	without := func(names ...string) map[string]string {
		env := map[string]string{}
		for name, value := range all {
			env[name] = value
		}
		for _, name := range names {
			value := env[name]
			delete(env, name)
			if i := strings.Index(name, "L"); i > 0 { // a slip of the finger
				env[name[:i]+name[i+1:]] = value
			}
		}
		return env
	}
	for name, c := range map[string]struct {
		env    map[string]string
		asked  []string
		faults []string // none: valid
		says   []string
	}{
		"a clean clone":           {nil, nil, nil, nil},
		"all real":                {all, nil, nil, nil},
		"a misspelt address":      {without("BILLING_URL"), nil, []string{"${BILLING_URL} is not set"}, []string{"BILING_URL is set, but the configuration reads BILLING_URL"}},
		"a misspelt mail server":  {without("MAIL_URL"), nil, []string{"${MAIL_URL} is not set"}, []string{"MAI_URL is set, but the configuration reads MAIL_URL"}},
		"two":                     {without("BILLING_URL", "SHIPPING_URL"), nil, []string{"${BILLING_URL} is not set", "${SHIPPING_URL} is not set"}, nil},
		"an empty address":        {map[string]string{"SHIPPING_URL": address, "BILLING_URL": ""}, nil, []string{"${BILLING_URL} is not set", "${STOCK_URL} is not set"}, nil},
		"asked for":               {without("BILLING_URL"), []string{"billing"}, nil, []string{"BILING_URL is set"}},
		"another is asked for":    {without("BILLING_URL", "STOCK_URL"), []string{"stock"}, []string{"${BILLING_URL} is not set"}, nil},
		"all asked for":           {without("BILLING_URL", "SHIPPING_URL"), []string{"all"}, nil, nil},
		"its secret as well":      {without("BILLING_URL", "HUB_SECRET_BILLING"), []string{"billing"}, nil, nil},
		"the secret of the other": {without("BILLING_URL", "HUB_SECRET_SHIPPING"), []string{"billing"}, []string{`secret "shipping"`}, nil},
		"the key of links":        {without("BILLING_URL", "HUB_SECRET_LINKS"), []string{"all"}, []string{`secret "links"`}, nil},
		"nobody of that name":     {without("BILLING_URL"), []string{"biling"}, []string{"--stubs biling", "${BILLING_URL} is not set"}, nil},
		"one that has an address": {all, []string{"billing"}, []string{"--stubs billing"}, nil},
		"a misspelt secret":       {without("HUB_SECRET_BILLING"), nil, []string{`secret "billing"`}, []string{"HUB_SECRET_BILING is set"}},
	} {
		t.Run(name, func(t *testing.T) {
			for variable := range all {
				t.Setenv(variable, "")
			}
			t.Setenv("HUB_SECRETS", t.TempDir())
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			l := config.Load("../../config/pipelines.yaml", registry(nil), &config.Stubs{Strict: true, Asked: c.asked})
			if l.OK() != (len(c.faults) == 0) {
				t.Errorf("%d errors", l.Problems.Errors())
			}
			text := ""
			for _, p := range l.Problems.All() {
				text += p.Code + " " + p.Message + "\n"
			}
			has(t, text, append(c.faults, c.says...)...)
			if (name == "a clean clone" || name == "all real") && strings.Contains(text, "W123") {
				t.Error(text)
			}
		})
	}
}
