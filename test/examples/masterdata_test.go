package examples

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"orderhub/hub/hubtest"
)

// master is the system where users are changed.
type master struct {
	mu    sync.Mutex
	users map[string]user
}

type user struct {
	ID       string `json:"id"`
	LastName string `json:"last_name"`
	Version  int    `json:"version"`
}

func (m *master) change(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[id]
	u.ID, u.Version = id, u.Version+1
	u.LastName = fmt.Sprintf("name %d of %s", u.Version, id)
	m.users[id] = u
}

// ServeHTTP answers GET /customers/{id}, sometimes late: then it tells what was true before.
func (m *master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	u := m.users[r.PathValue("id")]
	m.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(u)
}

// TestMasterData: change events come twice and in any order, while the users change on; the copy ends as the master is, and each event
// is counted once.
func TestMasterData(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "master-data", "user.changes")
	topic := p.own("user.changes")
	k := newKafka(t, []string{topic}, []string{p.own("master-data") + ".copy", p.own("master-data") + ".tally"})
	m := &master{users: map[string]user{}}
	mux := http.NewServeMux()
	mux.Handle("GET /customers/{id}", m)
	truth := httptest.NewServer(mux)
	t.Cleanup(truth.Close)
	p.set("KAFKA_BROKERS", k.addr)
	p.set("CATALOG_URL", truth.URL)
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	k.create(topic)
	h := p.run("hub", "pipelines.yaml", []string{"--set", "hub.name=" + p.own("master-data")})

	const users, changes = 20, 200
	var batch []kafka.Message
	for i := range changes {
		id, source, field := fmt.Sprint(i%users), []string{"crm", "shop"}[i%2], []string{"last_name", "email"}[i/2%2]
		m.change(id)
		event := fmt.Appendf(nil, `{"event": "e-%d", "user": %q, "field": %q, "source": %q}`, i, id, field, source)
		batch = append(batch, kafka.Message{Value: event}, kafka.Message{Key: []byte(id), Value: event}) // by a client without keys, and by one with
		if len(batch) == changes/2 {
			rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
			k.write(topic, batch...)
			batch = nil
		}
	}
	// What was told before the users' last change may be handled before it: it is told once more, as it would be.
	for id := range users {
		m.change(fmt.Sprint(id))
		a := h.do("POST", "/user-changes", fmt.Sprintf(`{"event": "last-%d", "user": "%d", "field": "last_name", "source": "web"}`, id, id))
		same(t, "the answer to a change", a.status, 202)
	}
	for id, want := range m.users {
		b, _ := json.Marshal(want)
		var got answer
		await(t, soon, "the copy of "+id+" is as the master", func() bool { got = h.do("GET", "/users/"+id, ""); return got.body == string(b) },
			func() string { return fmt.Sprintf("%s, want %s\n%s", got, b, h.report()) })
	}
	want := "map[crm|email:50 crm|last_name:50 shop|email:50 shop|last_name:50 web|last_name:20]"
	var got string
	await(t, soon, "all events are counted once", func() bool { got = fmt.Sprint(h.status().Counters["user_changes"]); return got == want },
		func() string { return got + h.report() })
	same(t, "status of an unknown user", h.do("GET", "/users/nobody", "").status, 404)
}

// TestMasterDataAlone: without a broker and without the master's address the store carries the events, and a stub is the master.
func TestMasterDataAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "master-data")
	p.unset("KAFKA_BROKERS", "CATALOG_URL")
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)
	same(t, "what the store stands in for", h.ready.Stored, "[kafka]")
	for _, sample := range []string{"1-last-name", "2-email", "2-email"} {
		same(t, sample, h.do("POST", "/user-changes", p.sample("changes-in."+sample+".json")).status, 202)
	}
	await(t, soon, "two events are counted", func() bool {
		return fmt.Sprint(h.status().Counters["user_changes"]) == "map[crm|last_name:1 shop|email:1]"
	}, h.report)
	await(t, soon, "the user is there", func() bool { return h.do("GET", "/users/42", "").status == 200 }, h.report)
}
