package kafka

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestAssign: in groups of all kinds each partition has one member that wants it, and of each topic no member has two more than another.
func TestAssign(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		counts := map[string]int{"a": rnd.IntN(12), "b": 1 + rnd.IntN(7), "none": 3, "gone": 0}
		var members []member
		for i := range 1 + rnd.IntN(6) {
			m := member{id: fmt.Sprint("m-", i), topics: []string{"a"}, generation: -1}
			if rnd.IntN(2) == 0 {
				m.topics = []string{"b", "gone", "a"}
			}
			members = append(members, m)
		}
		for _, protocol := range protocols {
			checkShares(t, fmt.Sprint(seed, " ", protocol), assign(protocol, members, counts), members, counts)
		}
	}
}

func checkShares(t *testing.T, name string, out map[string]map[string][]int, members []member, counts map[string]int) {
	t.Helper()
	for topic, n := range counts {
		owners, readers := map[int]string{}, 0
		for _, m := range members {
			if slices.Contains(m.topics, topic) {
				readers++
			} else if len(out[m.id][topic]) > 0 {
				t.Errorf("%s: %s has %s, which it does not want", name, m.id, topic)
			}
			for _, p := range out[m.id][topic] {
				if other := owners[p]; other != "" {
					t.Errorf("%s: %s/%d has %s and %s", name, topic, p, other, m.id)
				}
				owners[p] = m.id
			}
		}
		if readers == 0 {
			continue
		}
		if len(owners) != n {
			t.Errorf("%s: %d of %d partitions of %s are given", name, len(owners), n, topic)
		}
		for _, m := range members {
			if has := len(out[m.id][topic]); slices.Contains(m.topics, topic) && (has < n/readers || has > (n+readers-1)/readers) {
				t.Errorf("%s: %s has %d of %d partitions, %d members want them", name, m.id, has, n, readers)
			}
		}
	}
}

// TestAssignRanges: partitions of one number in topics of one size go to one member.
func TestAssignRanges(t *testing.T) {
	both := []string{"a", "b"}
	out := assign("range", []member{{id: "2", topics: both}, {id: "1", topics: both}, {id: "3", topics: both}}, map[string]int{"a": 7, "b": 7})
	for id, topics := range out {
		if !slices.Equal(topics["a"], topics["b"]) {
			t.Errorf("%s: %v", id, topics)
		}
	}
}

// TestAssignCooperative: members come and go; nobody gets what another has, who is fair shared keeps what it has, and it comes to rest.
func TestAssignCooperative(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		counts := map[string]int{"a": 1 + rnd.IntN(20)}
		members, next := []member{}, 0
		for range 12 {
			if len(members) > 1 && rnd.IntN(2) == 0 {
				members = slices.Delete(members, 0, 1+rnd.IntN(len(members)-1))
			} else {
				members = append(members, member{id: fmt.Sprint("m-", 9-next%10, next), topics: []string{"a"}, generation: -1})
				next++
			}
			for round := 0; ; round++ {
				if round == 4 {
					t.Fatalf("seed %d: no rest: %+v", seed, members)
				}
				eager := rnd.IntN(len(members) + 1) // one that gives up all that it has, as we do
				for i := range members {
					if i == eager {
						members[i].owns = nil
					}
				}
				out := assign(cooperativeProtocol, members, counts)
				moved := false
				for i, m := range members {
					for _, other := range members {
						for _, p := range out[m.id]["a"] {
							if other.id != m.id && slices.Contains(other.owns["a"], p) {
								t.Fatalf("seed %d: %s gets %d, which %s has", seed, m.id, p, other.id)
							}
						}
					}
					for _, p := range m.owns["a"] {
						moved = moved || !slices.Contains(out[m.id]["a"], p)
					}
					members[i].owns, members[i].generation = out[m.id], int32(round)
				}
				if !moved {
					checkShares(t, fmt.Sprint(seed), out, members, counts)
					break
				}
			}
		}
	}
}

// TestAssignStale: what a member has from an older generation, or claims beside another, is not kept for it.
func TestAssignStale(t *testing.T) {
	a := func(p ...int) map[string][]int { return map[string][]int{"a": p} }
	topics := []string{"a"}
	out := assign(cooperativeProtocol, []member{{id: "old", topics: topics, owns: a(0, 1), generation: 3}, {id: "new", topics: topics, owns: a(0, 1), generation: 4}}, map[string]int{"a": 4})
	if want := map[string]map[string][]int{"old": a(2, 3), "new": a(0, 1)}; !reflect.DeepEqual(out, want) {
		t.Errorf("an older generation: %v, want %v", out, want)
	}
	out = assign(cooperativeProtocol, []member{{id: "1", topics: topics, owns: a(0, 1), generation: 4}, {id: "2", topics: topics, owns: a(1), generation: 4}}, map[string]int{"a": 2})
	if want := map[string]map[string][]int{"1": a(0), "2": {}}; !reflect.DeepEqual(out, want) {
		t.Errorf("both claim it: %v, want %v", out, want)
	}
}

// TestFault_B1_Subscriptions: what other clients tell of themselves is understood in every version, and ours is one that they read.
func TestFault_B1_Subscriptions(t *testing.T) {
	head := func(version int16, data string) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(version))
		b = append(b, 0, 0, 0, 2)
		b = appendText(appendText(b, "orders"), "stock")
		return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
	}
	owned := slices.Concat([]byte{0, 0, 0, 1}, appendText(nil, "stock"), []byte{0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1})
	for name, b := range map[string][]byte{
		"0":             head(0, ""),
		"0, with data":  head(0, "sticky, what it had"),
		"1, none owned": append(head(1, ""), 0, 0, 0, 0),
		"1":             slices.Concat(head(1, "x"), owned),
		"2":             slices.Concat(head(2, ""), owned, []byte{0, 0, 0, 9}),
		"3":             slices.Concat(head(3, ""), owned, []byte{0, 0, 0, 9}, appendText(nil, "rack")),
		"4, not yet":    slices.Concat(head(4, ""), owned, []byte{0, 0, 0, 9}, appendText(nil, "rack"), []byte("more")),
	} {
		m, err := parseSubscription("m", b)
		if err != nil || !slices.Equal(m.topics, []string{"orders", "stock"}) || b[1] > 1 != (m.generation == 9) || len(b) > 40 && b[1] > 0 != slices.Equal(m.owns["stock"], []int{4, 1}) {
			t.Errorf("version %s: %+v, %v", name, m, err)
		}
		for cut := range b[:20] {
			if _, err := parseSubscription("m", b[:cut]); err == nil {
				t.Errorf("version %s, cut to %d bytes: no error", name, cut)
			}
		}
	}
	if m, err := parseSubscription("m", subscribe("orders")); err != nil || !slices.Equal(m.topics, []string{"orders"}) || len(m.owns) > 0 {
		t.Errorf("ours: %+v, %v", m, err)
	}
}

func TestAssignments(t *testing.T) {
	topics := map[string][]int{"a": {3, 1}, "b": {0}, "c": nil}
	for topic, want := range topics {
		if got, err := parseAssignment(appendAssignment(nil, topics), topic); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", topic, got, err)
		}
	}
	if got, err := parseAssignment(nil, "a"); err != nil || got != nil {
		t.Errorf("no bytes: %v, %v", got, err)
	}
	for cut := 1; cut < 20; cut++ {
		if _, err := parseAssignment(appendAssignment(nil, topics)[:cut], "a"); err == nil {
			t.Errorf("cut to %d bytes: no error", cut)
		}
	}
}
