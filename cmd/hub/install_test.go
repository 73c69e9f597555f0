package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"orderhub/cmd/hub/internal/screen"
)

// TestServiceManager: a service manager is told when the hub takes orders, again and again that it is alive, and when it stops.
func TestServiceManager(t *testing.T) {
	s := newSite(t, strings.ReplaceAll(watchedShop, "BILLING", "http://127.0.0.1:1"))
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", manager.LocalAddr().String())
	t.Setenv("WATCHDOG_USEC", "20000")
	hears := func(state string) {
		t.Helper()
		manager.SetReadDeadline(time.Now().Add(30 * time.Second))
		for heard, buf := "", make([]byte, 100); heard != state; {
			n, err := manager.Read(buf)
			if err != nil {
				t.Fatalf("%s was not told: %v", state, err)
			}
			heard = string(buf[:n])
		}
	}
	s.start()
	hears("READY=1")
	hears("WATCHDOG=1")
	hears("WATCHDOG=1")
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	hears("STOPPING=1")
}

// same fails the test unless both are equal.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, expected %v", what, got, want)
	}
}

// flagsOf fails the test unless the hub takes the arguments.
func flagsOf(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := (&cli{Screen: &screen.Screen{}}).root().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.Name() == "hub" {
		t.Errorf("hub %s: %v", strings.Join(args, " "), err)
	}
}

// complete fails the test unless the shipped configuration runs with these variables and secrets, without any stub.
func complete(t *testing.T, env map[string]string, secrets []string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a secret of 24 characters"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	env["HUB_SECRETS"] = dir
	for name, value := range env {
		t.Setenv(name, value)
	}
	(&site{t: t, dir: dir}).hub(0, "validate", "--no-stubs", "../../config/pipelines.yaml")
}

// configured are the names of the secrets that the shipped configuration reads.
func configured(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../config/pipelines.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`secret:([\w.-]+)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

// TestUnit: systemd takes the unit, finds it well shut in, and what it gives the hub is all that the shipped configuration wants.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile("../../deploy/systemd/orderhub.service")
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	unit := map[string]string{} // the last value of each key
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		unit[key] = value
		if name, _, ok := strings.Cut(value, ":"); ok && key == "LoadCredential" {
			secrets = append(secrets, name)
		}
	}
	slices.Sort(secrets)
	same(t, "secrets", secrets, configured(t))
	for _, key := range []string{"ExecStart", "ExecReload"} {
		flagsOf(t, strings.Fields(unit[key])[1:])
	}
	if stop, err := strconv.Atoi(unit["TimeoutStopSec"]); err != nil || time.Duration(stop)*time.Second <= drain(t) {
		t.Errorf("TimeoutStopSec=%s, and hub.drain is %s", unit["TimeoutStopSec"], drain(t))
	}
	env := map[string]string{}
	file, err := os.ReadFile("../../deploy/systemd/env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	complete(t, env, secrets)

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil && os.Getenv("HUB_TEST_SERVERS") == "" {
		t.Skip("no systemd-analyze: make test brings it")
	}
	copied := filepath.Join(t.TempDir(), "orderhub.service") // with a program that is there: verify looks for it
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/hub", "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", copied}, {"security", "--offline=true", "--threshold=15", "--no-pager", copied}} { // 1.5 of 10
		if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || strings.Contains(string(out), "Unknown") {
			t.Errorf("systemd-analyze %s: %v\n%s", args, err, out)
		}
	}
}

// drain is hub.drain of the shipped configuration.
func drain(t *testing.T) time.Duration {
	t.Helper()
	var config struct{ Hub struct{ Drain string } }
	readYAML(t, "../../config/pipelines.yaml", &config)
	d, err := time.ParseDuration(config.Hub.Drain)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// manifest is an object of Kubernetes.
type manifest map[string]any

// at is what stands there in the manifest: of a list its only item.
func (m manifest) at(t *testing.T, path ...string) any {
	t.Helper()
	var v any = map[string]any(m)
	for _, key := range path {
		if list, ok := v.([]any); ok && len(list) == 1 {
			v = list[0]
		}
		if v, _ = v.(map[string]any)[key]; v == nil {
			t.Fatalf("the manifest has no %s", strings.Join(path, "."))
		}
	}
	return v
}

// byName makes a map of a list of {name, KEY}.
func byName(list any, key string) map[string]string {
	out := map[string]string{}
	for _, item := range list.([]any) {
		v, _ := item.(map[string]any)[key]
		out[item.(map[string]any)["name"].(string)] = fmt.Sprint(v)
	}
	return out
}

// references are the names of what a manifest asks for, as "configMapRef.name hub-env".
func references(v any, under string, found *[]string) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			references(item, under, found)
		}
	case map[string]any:
		for key, item := range v {
			if name, ok := item.(string); ok && slices.Contains([]string{"configMapRef.name", "secretKeyRef.name", "persistentVolumeClaim.claimName", "secret.secretName"}, under+"."+key) {
				*found = append(*found, under+"."+key+" "+name)
			}
			references(item, key, found)
		}
	}
}

// TestKubernetes: both forms of a deployment hold together. What they name is there; the hub takes the arguments and finds all that its configuration
// wants; its ports are those that are probed and served, what is probed answers; it is given the time that it takes to stop.
func TestKubernetes(t *testing.T) {
	watched := newSite(t, strings.ReplaceAll(watchedShop, "BILLING", "http://127.0.0.1:1"))
	watched.start()
	for form, replicas := range map[string]int{"one": 1, "two": 2} {
		t.Run(form, func(t *testing.T) {
			objects := map[string]manifest{} // Kind/name
			for _, file := range []string{"hub", form} {
				f, err := os.Open("../../deploy/kubernetes/" + file + ".yaml")
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				for d := yaml.NewDecoder(f); ; {
					var object map[string]any
					if err := d.Decode(&object); err == io.EOF {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					m := manifest(object)
					objects[fmt.Sprint(m.at(t, "kind"), "/", m.at(t, "metadata", "name"))] = m
				}
			}
			page, err := os.ReadFile("../../docs/operate.md")
			if err != nil {
				t.Fatal(err)
			}
			hub, env := objects["Deployment/hub"], objects["ConfigMap/hub-env"]
			var wanted []string
			references(map[string]any(hub), "", &wanted)
			if len(wanted) < 4 {
				t.Errorf("the deployment refers to %v alone", wanted)
			}
			for _, ref := range wanted {
				kind, name, _ := strings.Cut(ref, " ")
				switch {
				case kind == "configMapRef.name" && objects["ConfigMap/"+name] != nil, kind == "persistentVolumeClaim.claimName" && objects["PersistentVolumeClaim/"+name] != nil:
				case strings.HasPrefix(kind, "secret") && strings.Contains(string(page), "kubectl create secret generic "+name+" "): // not in a file of the project
				default:
					t.Errorf("%s: nobody makes it", ref)
				}
			}
			pod := []string{"spec", "template", "spec"}
			box := append(pod, "containers")
			labels := fmt.Sprint(hub.at(t, "spec", "template", "metadata", "labels"))
			same(t, "replicas", hub.at(t, "spec", "replicas"), any(replicas))
			same(t, "labels", fmt.Sprint(hub.at(t, "spec", "selector", "matchLabels")), labels)
			same(t, "labels of the service", fmt.Sprint(objects["Service/hub"].at(t, "spec", "selector")), labels)
			if replicas > 1 {
				same(t, "labels of the budget", fmt.Sprint(objects["PodDisruptionBudget/hub"].at(t, "spec", "selector", "matchLabels")), labels)
			}
			mounts, volumes := byName(hub.at(t, append(box, "volumeMounts")...), "mountPath"), byName(hub.at(t, append(pod, "volumes")...), "name")
			same(t, "volumes", slices.Sorted(maps.Keys(mounts)), slices.Sorted(maps.Keys(volumes)))

			var args []string
			for _, a := range hub.at(t, append(box, "args")...).([]any) {
				args = append(args, a.(string))
			}
			flagsOf(t, args)
			ports := byName(hub.at(t, append(box, "ports")...), "containerPort")
			same(t, "ports", ports, map[string]string{"web": "8080", "ops": "9464"}) // the first is the default of HUB_LISTEN
			if !slices.Contains(args, `hub.ops={address: "0.0.0.0:`+ports["ops"]+`"}`) {
				t.Errorf("%v: nobody serves the port %s", args, ports["ops"])
			}
			same(t, "the port of the service", objects["Service/hub"].at(t, "spec", "ports", "targetPort"), any("web"))
			for kind, path := range map[string]string{"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"} {
				same(t, kind, fmt.Sprint(hub.at(t, append(box, kind, "httpGet")...)), fmt.Sprint(map[string]any{"path": path, "port": "ops"}))
				if status, text := watched.ops(http.MethodGet, path); status != http.StatusOK {
					t.Errorf("%s: %d %s", path, status, text)
				}
			}
			rest := hub.at(t, append(box, "lifecycle", "preStop", "sleep", "seconds")...).(int)
			if grace := hub.at(t, append(pod, "terminationGracePeriodSeconds")...).(int); time.Duration(grace-rest)*time.Second <= drain(t) {
				t.Errorf("%d s to stop, of which it waits for %d s, and hub.drain is %s", grace, rest, drain(t))
			}
			vars := map[string]string{}
			for name, value := range env.at(t, "data").(map[string]any) {
				vars[name] = value.(string)
			}
			same(t, "the folder of secrets", vars["HUB_SECRETS"], mounts["secrets"])
			for _, folder := range []string{"PHONE_INBOX", "PARTNER_OUTBOX"} {
				if !strings.HasPrefix(vars[folder], mounts["files"]+"/") {
					t.Errorf("%s=%s is not on the volume that the hubs share", folder, vars[folder])
				}
			}
			own := byName(hub.at(t, append(box, "env")...), "value")
			same(t, "HUB_HOME", own["HUB_HOME"], mounts["data"])
			if replicas == 1 {
				same(t, "HUB_STORE", own["HUB_STORE"], "sqlite:"+mounts["data"]+"/hub.db")
			}
			complete(t, vars, configured(t))
		})
	}
}

// TestImage: what the image starts is what the hub takes, as a user without rights, with certificates, and in a folder that is its own.
func TestImage(t *testing.T) {
	text, err := os.ReadFile("../../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(text), "FROM scratch\n")
	args := map[string]string{}
	for line := range strings.Lines(last) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		args[key] += value + "\n"
	}
	var entry, cmd []string
	for key, list := range map[string]*[]string{"ENTRYPOINT": &entry, "CMD": &cmd} {
		if err := json.Unmarshal([]byte(args[key]), list); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	same(t, "the entry point", entry, []string{"/hub"})
	flagsOf(t, cmd)
	same(t, "the user", args["USER"], "65532\n")
	same(t, "the ports", args["EXPOSE"], "8080 9464\n")
	has(t, args["COPY"], "--from=build --chown=65532:65532 /data /data\n", "/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n", "/src/bin/hub /hub\n", "config /config\n")
	has(t, args["ENV"], "HUB_STORE=sqlite:/data/", "HUB_HOME=/data", "HUB_CONFIG=/config/pipelines.yaml")
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		t.Error(err)
	}
}

// TestOperatePage: each command of docs/operate.md that is the hub's is one, those of make have a target, and the files of the project that it names are there.
// What each alert means stands in it.
func TestOperatePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	ours, inTable := 0, regexp.MustCompile("`(hub [^`]+)`")
	hub := func(line string) {
		ours++
		text, err := exec.Command("sh", "-c", "set -f; printf '%s\\n' "+line).Output() // the words, as a shell has them
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		flagsOf(t, strings.Split(strings.TrimSpace(string(text)), "\n")[1:])
	}
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		if out, err := exec.Command("sh", "-n", "-c", block[1]).CombinedOutput(); err != nil {
			t.Errorf("%s\n%s", out, block[1])
		}
		for line := range strings.Lines(block[1]) {
			words := strings.Fields(line)
			for _, w := range words {
				if _, err := os.Stat("../../" + strings.TrimSuffix(w, "/.")); strings.HasPrefix(w, "deploy/") && strings.Contains(w, ".") && err != nil {
					t.Error(err)
				}
			}
			_, inPod, _ := strings.Cut(line, " -- /")
			switch {
			case words[0] == "hub":
				hub(line)
			case strings.HasPrefix(inPod, "hub "):
				hub(inPod)
			case words[0] == "make" && !strings.Contains(string(makefile), "\n"+words[1]+":"):
				t.Errorf("make has no target %s", words[1])
			}
		}
	}
	_, table, _ := strings.Cut(string(page), "\n## Alert\n")
	for _, m := range inTable.FindAllStringSubmatch(table, -1) {
		hub(m[1])
	}
	if ours < 15 {
		t.Errorf("only %d commands of the hub are found", ours)
	}
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	readYAML(t, "../../deploy/prometheus/hub.rules.yml", &rules)
	var config struct{ Alerts map[string]any }
	readYAML(t, "../../config/pipelines.yaml", &config)
	alerts := slices.Collect(maps.Keys(config.Alerts))
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				alerts = append(alerts, r.Alert)
			}
		}
	}
	if len(alerts) < 20 {
		t.Errorf("only %d alerts", len(alerts))
	}
	for _, name := range alerts {
		if !regexp.MustCompile("(?m)^\\| .*`" + name + "`.* \\| .* \\| .* \\|$").MatchString(table) {
			t.Errorf("the page does not say what %s means", name)
		}
	}
}

// TestSecurityPage: each test that SECURITY.md names is there.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			var text []byte
			text, err = os.ReadFile(path)
			all.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 20 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, m := range named {
		if !strings.Contains(all.String(), "\nfunc "+m[1]+"(t ") {
			t.Errorf("there is no %s", m[1])
		}
	}
}
