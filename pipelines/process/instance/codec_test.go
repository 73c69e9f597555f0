package instance

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// golden is a record with every field. One that a hub can't read any more is a record of an order that is lost.
const golden = `{"def":"d1","version":2,"by":3,"trace":"00-1","tracestate":"a=1","started":1000,"changed":2000,"closed":3000,"tokens":4,` +
	`"at":[{"id":1,"up":1,"branch":"goods","state":"packing","visit":5,"since":4000,"minute":5000,"entered":6,"step":7,"phase":"failed","run":8,"by":9,"tries":10,"due":6000,"doubt":true,` +
	`"error":{"class":"timeout","reason":"r","where":"order/packing/call stock.pick","line":"a.yaml:1","message":"no answer","time":7000,"since":8000,"times":11},` +
	`"timers":[0,9000],"task":{"id":"order:W-1/5","group":"desk","due":10000,"undoing":true},"vars":{"line":{"sku":"A"}}}],` +
	`"vars":{"order":{"id":"W-1"}},"undo":[{"where":"w","state":"billing","visit":"order:W-1/1","doubt":true,"vars":{"charge":1}}],` +
	`"early":[{"id":"e1","name":"paid","time":11000,"data":{"x":1}}],"taken":["e0"],"handled":["cancel"],"seen":[{"state":"new","time":12000}],"leave":{"token":1,"to":"cancelling"}}`

func TestRecord(t *testing.T) {
	in, err := Decode(hub.Record{Kind: "process order", Key: "W-1", Value: []byte(golden), Version: 13})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(in.Encode()); got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
	in.Tokens[0].Runnable, in.Tokens[0].Arrived, in.Tokens[0].Deferred = true, true, true // of the turn
	for _, v := range []any{*in, *in.Tokens[0], *in.Tokens[0].Error, *in.Tokens[0].Task, in.Effects[0], in.Early[0], in.Seen[0], *in.Leave} {
		for i, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			if reflect.ValueOf(v).Field(i).IsZero() && f.Name != "Up" {
				t.Errorf("%T.%s is not stored", v, f.Name)
			}
		}
	}
}

func TestEmptyRecord(t *testing.T) {
	in := &Instance{ID: "W-1"}
	if got := string(in.Encode()); got != "{}" {
		t.Errorf("an empty record is %s", got)
	}
	in.Spawn(in.Spawn(nil, ""), "goods").Vars = hub.Vars{}
	back, err := Decode(hub.Record{Key: "W-1", Value: in.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	root, branch := back.Tokens[0], back.Tokens[1]
	if root.Up != -1 || branch.Up != root.ID || branch.ID == root.ID || root.Vars != nil || branch.Vars == nil || !root.Due.IsZero() {
		t.Errorf("root %+v, branch %+v", root, branch)
	}
}

// What another version of the hub wrote is told, wherever it stands, and not lost with the next change.
func TestUnknownFields(t *testing.T) {
	for field, record := range map[string]string{
		"priority":        `{"priority":1,"version":7}`,
		"at.priority":     `{"version":7,"at":[{"id":1},{"priority":1}]}`,
		"at.error.cause":  `{"version":7,"at":[{"error":{"cause":"x"}}]}`,
		"leave.why":       `{"version":7,"leave":{"why":"x"}}`,
		"early.priority":  `{"version":7,"early":[{"priority":1}]}`,
		"undo.compensate": `{"version":7,"undo":[{"compensate":"x"}]}`,
	} {
		_, err := Decode(hub.Record{Kind: "process order", Key: "W-1", Value: []byte(record)})
		if e := hub.AsError(err); err == nil || e.Reason != "corrupt_record" || !strings.Contains(e.Error(), "version 7") || !strings.Contains(e.Error(), `"`+field+`"`) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// BenchmarkCodec writes and reads the record of an order in the middle of its life.
func BenchmarkCodec(b *testing.B) {
	data, err := doc.Parse([]byte(`{"id":"W-1","total":99.5,"items":[{"sku":"A","count":2},{"sku":"B","count":1}]}`))
	if err != nil {
		b.Fatal(err)
	}
	in := &Instance{ID: "W-1", Def: "d1", Version: 1, By: 1, Started: time.Now(), Vars: hub.Vars{{Name: "order", Value: data}}}
	in.Spawn(nil, "").State = "billing"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(hub.Record{Key: "W-1", Value: in.Encode()}); err != nil {
			b.Fatal(err)
		}
	}
}
