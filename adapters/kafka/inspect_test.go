package kafka

import (
	"strings"
	"testing"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// findings are what Inspect tells, with the names of topics left out.
func findings(t *testing.T, a *Adapter, names ...string) []string {
	t.Helper()
	got, err := a.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		for j, name := range names {
			got[i] = strings.ReplaceAll(got[i], name, string(rune('A'+j)))
		}
		if strings.Contains(got[i], "\n") {
			t.Errorf("%q is more than a line", got[i])
		}
	}
	return got
}

// TestInspect: what is missing, what is other than wanted, and what is lost; nothing is changed.
func TestInspect(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	missing, few, lost := topicName(), s.topic(2), s.topic(1)
	group := "g." + lost
	s.number(lost, 0, 60)
	s.readSome(s.source(s.adapter(nil), "topic "+lost, group, nil), 60)
	a := s.adapter(func(c *Config) { c.Create.Partitions = 4 })
	if got := findings(t, a); len(got) != 0 {
		t.Errorf("nothing is used: %q", got)
	}
	s.source(a, "topic "+lost, group, nil)
	s.target(a, "topic "+lost)
	s.channel(a, hub.Carried{Name: missing, Type: "fanout"}) // is made when it is needed
	if got := findings(t, a); len(got) != 0 {
		t.Errorf("all is well: %q", got)
	}
	s.target(a, "topic "+missing)
	s.carry(a, hub.Carried{Name: few, Type: "direct"}, hub.Subscription{Hub: "h", Pipeline: "p"})
	s.number(lost, 60, 70)
	_, err := s.admin.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{lost: {{Partition: 0, Offset: 5}}}})
	if err != nil {
		t.Fatal(err)
	}
	s.deleteBefore(lost, 50)
	got := findings(t, a, missing, few, lost)
	want := []string{
		"topic C, partition 0: offset 5 of group g.C is lost, log starts at 50; set on_lost: earliest or latest, or set the offset with kafka-consumer-groups.sh --reset-offsets --group g.C --topic C --to-earliest --execute",
		"topic A is missing: create it (kafka-topics.sh --create --topic A), or set create: {when: always}",
		"topic B has 2 partitions, create.partitions is 4: add some (kafka-topics.sh --alter --topic B --partitions 4; keys may move to other partitions), or write create: {partitions: 2}",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(s.read(few, 2)) != 0 || s.committed(group, lost, 1)[0] != 5 {
		t.Error("something has changed")
	}
	large := s.adapter(func(c *Config) { c.Create = Create{When: createAlways, Partitions: 1, Replication: 9} })
	s.target(large, "topic "+missing)
	if got := strings.Join(findings(t, large, missing), "\n"); !strings.HasPrefix(got, "topic A is missing, and can't be made: ") || !strings.Contains(got, "eplication") {
		t.Errorf("more copies than brokers: %q", got)
	}
	away := (&server{t: t, addr: "127.0.0.1:1"}).adapter(nil)
	away.OpenTarget("topic x")
	if _, err := away.Inspect(t.Context()); reason(err) != "unavailable connection" {
		t.Errorf("no broker: %v", err)
	}
}

// TestFault_B9_Rights: what the brokers don't allow is told before anything runs, and by the errors of what runs.
func TestFault_B9_Rights(t *testing.T) {
	t.Parallel()
	b := ownBroker(t)
	s := serverAt(t, b.addr)
	open, closed := topicName(), topicName()
	s.create(open, 1)
	s.create(closed, 1)
	grant := func(user string, kind kafka.ResourceType, name string, operation kafka.ACLOperationType) { // what nobody is allowed to, all are
		r, err := s.admin.CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: []kafka.ACLEntry{{ResourceType: kind, ResourceName: name,
			ResourcePatternType: kafka.PatternTypeLiteral, Principal: "User:" + user, Host: "*", Operation: operation, PermissionType: kafka.ACLPermissionTypeAllow}}})
		if err != nil || r.Errors[0] != nil {
			t.Fatal(err, r)
		}
	}
	allow := func(user string, kind kafka.ResourceType, name string) {
		grant(user, kind, name, kafka.ACLOperationTypeRead)
	}
	allow("hub", kafka.ResourceTypeTopic, open)
	allow("hub", kafka.ResourceTypeGroup, "mine")
	allow("another", kafka.ResourceTypeTopic, closed)
	allow("another", kafka.ResourceTypeGroup, "theirs")
	grant("hub", kafka.ResourceTypeGroup, "seen", kafka.ACLOperationTypeDescribe)
	a := s.adapter(func(c *Config) { b.login(c, mechanismSHA512) })
	s.source(a, "topic "+open, "mine", nil)
	hubtest.Until(t, "the rights do not hold yet", func() bool { return len(findings(t, a)) == 0 })
	target, hidden := s.target(a, "topic "+open), s.target(a, "topic "+closed)
	theirs := s.source(a, "topic "+open, "theirs", nil)
	s.source(a, "topic "+open, "seen", nil) // to describe it is not to read it
	made := s.adapter(func(c *Config) {
		b.login(c, mechanismSHA512)
		c.Create = Create{When: createAlways, Partitions: 2}
	})
	anew := topicName()
	s.target(made, "topic "+anew)
	if got := findings(t, made); len(got) > 0 {
		t.Errorf("a topic that we may make: %q", got)
	}
	grant("another", kafka.ResourceTypeTopic, anew, kafka.ACLOperationTypeCreate)
	grant("another", kafka.ResourceTypeCluster, "kafka-cluster", kafka.ACLOperationTypeCreate)
	grant("hub", kafka.ResourceTypeTopic, anew, kafka.ACLOperationTypeDescribe)
	hubtest.Until(t, "the right to make a topic does not count", func() bool {
		return strings.Join(findings(t, made, anew), "\n") == "topic A is missing, and there is no right to make it: create it (kafka-topics.sh --create --topic A), "+
			"or grant it (kafka-acls.sh --add --allow-principal User:hub --operation Create --topic A)"
	})
	got := strings.Join(findings(t, a, open, closed), "\n")
	want := strings.Join([]string{
		"no right to topic A: grant it (kafka-acls.sh --add --allow-principal User:hub --operation Write --topic A)",
		"no right to see topic B: grant it (kafka-acls.sh --add --allow-principal User:hub --operation Write --topic B)",
		"no right to group theirs: grant it (kafka-acls.sh --add --allow-principal User:hub --operation Read --group theirs)",
		"no right to group seen: grant it (kafka-acls.sh --add --allow-principal User:hub --operation Read --group seen)",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, err := range map[string]error{
		"write": target.Send(t.Context(), message("1", "", "x", nil)), "see": hidden.Send(t.Context(), message("1", "", "x", nil)),
		"group": theirs.Run(t.Context(), hub.HandlerFunc((&seen{}).take)),
	} {
		if reason(err) != "unavailable auth" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
