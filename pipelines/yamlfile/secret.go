package yamlfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"orderhub/hub/mask"
)

const secretPrefix = "secret:"

var secretName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// found is the outcome of one look for a secret; it is looked for once per loader.
type found struct {
	value         string
	ok            bool
	code          string
	message, help string
}

// Secret tells that the value came from secret:; it must not be shown.
func (n *Node) Secret() bool { return n.Kind() == Scalar && n.resolve().secret }

// secretKey finds the keys, such as headers of requests, whose values are secret whatever type they have.
var secretKey = regexp.MustCompile(`(?i)^(authorization|cookie)$|password|secret|token|api[-_]?key`)

// ownMachine finds URLs of servers on this machine, whose passwords are those that they are shipped with, as guest:guest.
var ownMachine = regexp.MustCompile(`://[^/?#]*@(localhost|127\.0\.0\.1|\[::1\])([:/?]|$)`)

// confide keeps the secret in s out of every text: all of s when the field is a
// secret one, else the password of a URL. One that stands in the file itself is
// warned about. word is what may stand in a secret field and is none.
func (n *Node) confide(s string, secret bool, word string) {
	known, name := n.loader.Problems.Mask, n.Path()
	known.HideURL(s, name)
	url := strings.Contains(s, "://")
	if n.key != nil && n.parent != nil && n.parent.key != nil && n.parent.key.Raw() == "headers" {
		secret = secret || secretKey.MatchString(n.key.Raw())
	}
	if secret = secret && s != "" && !url && s != word; secret {
		known.Hide(s, name)
		known.Hide(s[strings.LastIndexByte(s, ' ')+1:], name) // Bearer …
	}
	if len(mask.Passwords(s)) == 0 && !secret || n.Secret() || n.resolve().expanded && !strings.Contains(n.Raw(), ":-"+s+"}") {
		return
	}
	if url && ownMachine.MatchString(s) {
		return
	}
	what, help := "the value", "write secret:name and put the value into the file secrets/name, or write ${NAME} and export it"
	if url {
		what, help = "the password in the URL", "write secret:name and put the whole URL into the file secrets/name, or write ${NAME} and export it"
	}
	n.Warnf("W125", help, "%s: %s stands in the file, and everybody who reads the file has it", n.label(), what)
}

func (n *Node) resolveSecret(name string) *resolved {
	r := &resolved{secret: true, expanded: true}
	r.pieces = []piece{{width: 1, value: true}}
	f, known := n.loader.secrets[name]
	if !known {
		f = n.loader.findSecret(name)
		if n.loader.secrets == nil {
			n.loader.secrets = map[string]found{}
		}
		n.loader.secrets[name] = f
	}
	if !f.ok && f.code == "E122" && n.loader.Missing != nil {
		if v, ok := n.loader.Missing(n, secretPrefix+name); ok {
			f = found{value: v, ok: true}
		}
	}
	if !f.ok {
		n.Errorf(f.code, f.help, "%s", f.message)
	}
	n.loader.Problems.Mask.Hide(f.value, secretPrefix+name)
	n.loader.Problems.Mask.HideURL(f.value, secretPrefix+name)
	r.text, r.ok = f.value, f.ok
	return r
}

func (l *Loader) secretsDir() string {
	if l.SecretsDir != "" {
		return l.SecretsDir
	}
	if l.Env != nil {
		if dir, ok := l.Env("HUB_SECRETS"); ok && dir != "" {
			return dir
		}
	}
	return "secrets"
}

// SecretVariable is the variable of the environment that may hold a secret.
func SecretVariable(name string) string {
	return "HUB_SECRET_" + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name))
}

// findSecret looks in the file of the secrets directory, then in the environment.
func (l *Loader) findSecret(name string) found {
	if !secretName.MatchString(name) {
		return found{code: "E124", message: "secret: takes a name of letters, digits, '.', '_' and '-'",
			help: "write secret:billing; the value lies in the file " + filepath.Join(l.secretsDir(), "billing")}
	}
	path := filepath.Join(l.secretsDir(), name)
	env := SecretVariable(name)
	if f, done := readSecret(name, path); done {
		return f
	}
	if l.Env != nil {
		if v, ok := l.Env(env); ok && v != "" {
			return found{value: v, ok: true}
		}
	}
	return found{code: "E122", message: fmt.Sprintf("secret %q is in no file %s and in no variable %s", name, path, env),
		help: fmt.Sprintf("put the value into %s (chmod 600), or export %s", path, env)}
}

func readSecret(name, path string) (f found, done bool) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found{}, false
	case err == nil && !st.Mode().IsRegular():
		err = errors.New("it is no regular file")
	case err == nil && st.Mode().Perm()&0o004 != 0:
		return found{code: "E123", message: fmt.Sprintf("everybody on this machine can read the file of secret %q, %s", name, path),
			help: "chmod 600 " + path}, true
	case err == nil && st.Size() > maxSize:
		err = errors.New("it is larger than 4 MB")
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return found{code: "E124", message: fmt.Sprintf("cannot read secret %q from %s: %v", name, path, Cause(err)),
			help: "the user that runs hub must own the file"}, true
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if v == "" {
		return found{code: "E124", message: fmt.Sprintf("the file of secret %q, %s, is empty", name, path), help: "put the value into it"}, true
	}
	return found{value: v, ok: true}, true
}

// inURL finds a password in a URL, and byName one behind its name. A field that is misspelt, and a file that can't be
// read, tell nobody what is a secret in them: what looks like one is not printed.
var (
	inURL  = regexp.MustCompile(`(://[^\s"'/?#:@]*:)([^\s"'{}]+)@`)
	byName = regexp.MustCompile(`(?i)((?:pass?w(?:or)?d|pwd|bearer|authorization)["']?\s*:\s*["']?(?:(?:bearer|basic)\s+)?)([^\s"',{}$]+)`)
	port   = regexp.MustCompile(`^[0-9]+(/|$)`)
)

// conceal writes * for each character of what looks like a password in a line of a file.
func conceal(line string) string {
	return byName.ReplaceAllStringFunc(concealURLs(line), func(found string) string {
		m := byName.FindStringSubmatch(found)
		if strings.HasPrefix(m[2], secretPrefix) {
			return found
		}
		return m[1] + stars(m[2])
	})
}

// concealURLs writes * for each character of the passwords of URLs in s.
func concealURLs(s string) string {
	return inURL.ReplaceAllStringFunc(s, func(found string) string {
		m := inURL.FindStringSubmatch(found)
		if port.MatchString(m[2]) {
			return found
		}
		return m[1] + stars(m[2]) + "@"
	})
}

// stars is as wide as s, so that what stands behind it stays in its column.
func stars(s string) string { return strings.Repeat("*", len([]rune(s))) }
