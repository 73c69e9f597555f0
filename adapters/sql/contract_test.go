package sql

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

// wrapped is a body as the field doc of another, as `data: {doc: =body}` makes it.
func wrapped(m *hub.Message) *hub.Message {
	body, err := m.Body.Doc()
	if err != nil {
		panic(err)
	}
	return m.WithBody(hub.DocumentBody(doc.ObjectOf([]doc.Field{{Name: "doc", Value: body}})))
}

func unwrapped(m *hub.Message, field string) *hub.Message {
	body, _ := m.Body.Doc()
	return m.WithBody(hub.NewBody(body.Get(field).JSON()))
}

// targetFar is a table of the real server.
type targetFar struct {
	d *db
	p *proxy
}

type wrappingTarget struct{ hub.Target }

func (w wrappingTarget) Send(ctx context.Context, m *hub.Message) error {
	return w.Target.Send(ctx, wrapped(m))
}

func (f *targetFar) Open(t *testing.T) hub.Target {
	f.d = newDB(t, "create table got (seq serial, doc json)", "create table fault (code text)", `create function check_fault() returns trigger language plpgsql as $$
		declare c text;
		begin
			select code into c from fault;
			if c = 'sleep' then perform pg_sleep(30); end if;
			if c is not null then raise exception 'a fault' using errcode = c; end if;
			return new;
		end $$`, "create trigger t before insert on got for each row execute function check_fault()")
	f.p = newProxy(t, f.d)
	a := openAdapter(t, f.p.url, func(c *Config) { c.Timeout = time.Second })
	return wrappingTarget{a.target("insert got")}
}

func (f *targetFar) Got(t *testing.T) (out []*hub.Message) {
	for _, text := range f.d.list("select doc::text from got order by seq") {
		out = append(out, message("", text))
	}
	return out
}

func (f *targetFar) Break(t *testing.T, c hub.Class) {
	if c == hub.Unavailable {
		f.p.setDown(true)
		return
	}
	f.d.exec("insert into fault values ($1)", map[hub.Class]string{hub.Rejected: "23505", hub.Invalid: "22023", hub.Timeout: "sleep"}[c])
}

func (f *targetFar) Heal(*testing.T) {
	f.p.setDown(false)
	f.d.exec("delete from fault")
}

func TestTargetContract(t *testing.T) {
	needPostgres(t)
	hubtest.Target(t, hubtest.Features{Once: true, NoEmpty: true, NoBinary: true, Classes: []hub.Class{hub.Rejected, hub.Invalid, hub.Timeout, hub.Unavailable}},
		func(*testing.T) hubtest.TargetFar { return &targetFar{} })
}

// callerFar is a function of the real server, whose answers are written just before it is run: by a proxy that reads the requests.
type callerFar struct {
	d      *db
	p      *proxy
	answer atomic.Pointer[func(*hub.Message) (*hub.Message, error)]
	mu     sync.Mutex
	wires  map[net.Conn]*wire
}

// wire is what was sent on a connection and is no whole message yet.
type wire struct {
	buf     []byte
	started bool
	names   map[string]string // of prepared statements
	key     string
}

func (f *callerFar) Serve(_ *testing.T, answer func(*hub.Message) (*hub.Message, error)) {
	f.answer.Store(&answer)
}

func (f *callerFar) Open(t *testing.T) hub.Caller {
	f.d = newDB(t, "create table answers (q text primary key, a json, fault text)", `create function ask(question json) returns json language plpgsql as $$
		declare r answers;
		begin
			select * into r from answers where q = question::text;
			if r.fault is not null then raise exception 'a fault' using errcode = r.fault; end if;
			return r.a;
		end $$`)
	f.p, f.wires = newProxy(t, f.d), map[net.Conn]*wire{}
	look := f.look
	f.p.asked.Store(&look)
	a := openAdapter(t, f.p.url, ops(map[string]Op{"ask": {Exec: "select ask(:doc::json) as answer", One: required}}))
	c, err := a.OpenCaller("ask")
	if err != nil {
		t.Fatal(err)
	}
	return hub.CallerFunc(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		reply, err := c.Call(ctx, wrapped(m))
		if err != nil {
			return nil, err
		}
		return unwrapped(reply, "answer"), nil
	})
}

// look reads the messages of a client (PostgreSQL's protocol 3), and answers the question of a Bind before it goes on.
func (f *callerFar) look(conn net.Conn, b []byte) {
	f.mu.Lock()
	w := f.wires[conn]
	if w == nil {
		w = &wire{names: map[string]string{}}
		f.wires[conn] = w
	}
	f.mu.Unlock()
	w.buf = append(w.buf, b...)
	for {
		head := 1
		if !w.started {
			head = 0
		}
		if len(w.buf) < head+4 {
			return
		}
		size := head + int(uint32(w.buf[head])<<24|uint32(w.buf[head+1])<<16|uint32(w.buf[head+2])<<8|uint32(w.buf[head+3]))
		if len(w.buf) < size {
			return
		}
		body := w.buf[head+4 : size]
		if w.started {
			f.message(w, w.buf[0], body)
		}
		w.started = true
		w.buf = append([]byte(nil), w.buf[size:]...)
	}
}

func (f *callerFar) message(w *wire, kind byte, body []byte) {
	switch kind {
	case 'P':
		var p pgproto3.Parse
		if p.Decode(body) == nil {
			w.names[p.Name] = p.Query
		}
	case 'B':
		var b pgproto3.Bind
		if b.Decode(body) != nil {
			return
		}
		switch sql := w.names[b.PreparedStatement]; {
		case strings.Contains(sql, "unnest"): // the keys
			w.key = strings.Trim(string(b.Parameters[1]), `{}"`)
		case strings.Contains(sql, "ask("):
			f.serve(w, string(b.Parameters[0]))
		}
	}
}

func (f *callerFar) serve(w *wire, question string) {
	m := message("q", question).WithHeader(hub.HeaderIdempotency, w.key)
	reply, err := (*f.answer.Load())(m)
	if err != nil {
		code := map[hub.Class]string{hub.Rejected: "23505", hub.Unavailable: "53300", hub.Timeout: "57014", hub.Invalid: "22023"}[hub.AsError(err).Class]
		f.d.exec("insert into answers values ($1, null, $2) on conflict (q) do update set a = null, fault = $2", question, code)
		return
	}
	f.d.exec("insert into answers values ($1, $2, null) on conflict (q) do update set a = $2, fault = null", question, string(reply.Body.Bytes()))
}

func TestCallerContract(t *testing.T) {
	needPostgres(t)
	hubtest.Caller(t, hubtest.Features{Classes: []hub.Class{hub.Rejected, hub.Invalid, hub.Timeout, hub.Unavailable}},
		func(*testing.T) hubtest.CallerFar { return &callerFar{} })
}

// sourceFar is a table of the real server.
type sourceFar struct {
	d *db
	p *proxy
}

type unwrappingSource struct{ hub.Source }

func (u unwrappingSource) Run(ctx context.Context, h hub.Handler) error {
	return u.Source.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error { return h.Handle(ctx, unwrapped(m, "doc")) }))
}

const contractWorkers = 3

func (f *sourceFar) Open(t *testing.T) hub.Source {
	if f.d == nil {
		f.d = newDB(t, "create table orders (id serial primary key, key text, doc json, state text not null default 'new')")
		f.p = newProxy(t, f.d)
	}
	a := openAdapter(t, f.p.url, nil)
	src, err := a.OpenSource("poll orders", &SourceConfig{Every: 10 * time.Millisecond, Key: "key", Where: "state = 'new'",
		Done: "update orders set state = 'taken' where id = :id", Workers: contractWorkers})
	if err != nil {
		t.Fatal(err)
	}
	return unwrappingSource{src}
}

func (f *sourceFar) Put(_ *testing.T, m *hub.Message) {
	var key any
	if m.Key != "" {
		key = m.Key
	}
	f.d.exec("insert into orders (key, doc) values ($1, $2)", key, string(m.Body.Bytes()))
}

func (f *sourceFar) Acked(*testing.T) int {
	return len(f.d.list("select id::text from orders where state = 'taken'"))
}
func (f *sourceFar) Refused(*testing.T) int { return 0 }
func (f *sourceFar) Cut(*testing.T)         { f.p.cutAndShut() }

func TestSourceContract(t *testing.T) {
	needPostgres(t)
	hubtest.Source(t, hubtest.Features{Redelivers: true, Cut: true, Ordered: true, NoEmpty: true, NoBinary: true, Workers: contractWorkers},
		func(*testing.T) hubtest.SourceFar { return &sourceFar{} })
}
