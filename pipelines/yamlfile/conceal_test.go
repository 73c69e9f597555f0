package yamlfile

import (
	"bytes"
	"strings"
	"testing"
)

// A password is printed neither where its field is misspelt, nor where the file can't be read, nor in what is said of a value.
func TestFault_S5_LinesOfTheFile(t *testing.T) {
	for line, want := range map[string]string{
		`urll: amqp://u:top@h/v`:                       `urll: amqp://u:***@h/v`,
		`url: "postgres://u:p@ss/w#rd@h/x`:             `url: "postgres://u:*********@h/x`,
		`hosts: [http://a:pw@h, "http://b:pw@h"]`:      `hosts: [http://a:**@h, "http://b:**@h"]`,
		`{pasword: hunter2, user: x}`:                  `{pasword: *******, user: x}`,
		`"password": "hunter2`:                         `"password": "*******`,
		`headers: {Authorization: Bearer abc, x: y}`:   `headers: {Authorization: Bearer ***, x: y}`,
		`bearer: secret:billing`:                       `bearer: secret:billing`,
		`password: ${PASSWORD}`:                        `password: ${PASSWORD}`,
		`url: amqp://u:${PASSWORD}@h`:                  `url: amqp://u:${PASSWORD}@h`,
		`url: http://h:8080/a@b`:                       `url: http://h:8080/a@b`,
		`url: http://h:8080/, mail: a@b`:               `url: http://h:8080/, mail: a@b`,
		`"password": {"type": "string"}`:               `"password": {"type": "string"}`,
		`mail: ops@example.org # see http://h/x?a=1:2`: `mail: ops@example.org # see http://h/x?a=1:2`,
	} {
		if got := conceal(line); got != want {
			t.Errorf("%s\n became %s\n not    %s", line, got, want)
		}
	}
	l := NewLoader()
	n, ok := l.Parse("a.yaml", []byte("s:\n  urll: amqp://u:LITERAL@h/\n"))
	if !ok {
		t.Fatal("no tree")
	}
	v := n.Get("s").Get("urll")
	v.Errorf("E101", "", "%q is no time", v.Raw())
	l.Parse("b.yaml", []byte("s: {urll: \"amqp://u:LITERAL@h/\n"))
	var out bytes.Buffer
	l.Problems.WriteText(&out, true, false)
	for _, p := range l.Problems.All() {
		out.WriteString(p.Message + p.Help)
	}
	if strings.Contains(out.String(), "LITERAL") || strings.Count(out.String(), "amqp://u:*******@h") < 3 {
		t.Error(out.String())
	}
}
