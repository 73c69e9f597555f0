// Package erase finds all that a store has of a person, and makes the units that delete it.
package erase

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
)

// Person are the values that a person is known by, such as an e-mail address and a customer number, in lower case.
type Person []string

// Least is how many characters a value has at least: a shorter one stands in documents of everybody.
const Least = 5

// escapes are what stands for a character that is no letter, in JSON within JSON too.
var escapes = strings.NewReplacer(`\n`, "  ", `\r`, "  ", `\t`, "  ", `\u003c`, "      ", `\u0026`, "      ")

// In tells that a text names the person: it has one of the values as a whole, so that ann@x.com is not in joann@x.com.
func (p Person) In(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(p, func(value string) bool {
		if !strings.Contains(text, value) {
			return false
		}
		text := escapes.Replace(text)
		for from := 0; ; {
			i := strings.Index(text[from:], value)
			if i < 0 {
				return false
			}
			at := from + i
			before, _ := utf8.DecodeLastRuneInString(text[:at])
			if !within(before) && ends(text[at+len(value):]) {
				return true
			}
			_, size := utf8.DecodeRuneInString(text[at:])
			from = at + size
		}
	})
}

// within tells that a value goes on beyond this character in front of it.
func within(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._%+-@", r)
}

// ends tells that a value ends where the text goes on with this: behind it stands nothing of a word, and no point or hyphen before one.
func ends(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	if strings.ContainsRune(".-", r) {
		r, _ = utf8.DecodeRuneInString(text[size:])
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_%+@", r)
}

// Found is what a store has of a person.
type Found struct {
	Orders   []string `json:"orders"`   // order numbers, and other business keys
	Messages int      `json:"messages"` // at rest
	Records  []string `json:"records"`  // kind and key
	Bodies   int      `json:"bodies"`   // that are kept for traces, of so many runs
	History  int      `json:"history"`  // rows
	Refusals int      `json:"refusals"`
	Audit    int      `json:"audit"`               // records of the audit log that name the person: they can't be changed, and go when they are kept for long enough
	UnderWay []Place  `json:"under_way,omitempty"` // what is not over: as long as there is some, nothing is erased

	Idle   map[string][]int64 `json:"-"` // messages in queues that nobody reads, by queue
	dead   []hub.Settle
	writes []hub.Write
	rows   []int64
}

// Place is where something lies that is not over.
type Place struct {
	Where string `json:"where"`
	Why   string `json:"why"`
}

// Any tells that there is something to erase.
func (f *Found) Any() bool { return f.Messages+len(f.Records)+f.Bodies+f.History+f.Refusals > 0 }

const portion = 500 // changes in one unit

// Units delete what was found, but for Idle. A record that has changed since is a conflict.
func (f *Found) Units() (units []*hub.Unit) {
	for part := range slices.Chunk(f.dead, portion) {
		units = append(units, &hub.Unit{Settles: part})
	}
	for part := range slices.Chunk(f.writes, portion) {
		units = append(units, &hub.Unit{Writes: part})
	}
	for part := range slices.Chunk(f.rows, portion) {
		units = append(units, &hub.Unit{Erases: part})
	}
	return units
}

// finder looks through a store.
type finder struct {
	st     store.Reader
	person Person
	reads  func(queue string) bool
	terms  map[int64]bool  // rows of history that the index has of the person
	orders map[string]bool // of the person
	roots  map[string]bool // of rows that are found
	spans  map[string]bool // likewise
	out    *Found
}

// Find looks through all of a store. terms are what the index knows the person by; reads tells which queues have a reader.
// An order that names the person is the person's: all that belongs to it is found, whatever it says.
func Find(ctx context.Context, st store.Reader, person Person, terms []int64, reads func(queue string) bool) (*Found, error) {
	f := &finder{st: st, person: person, reads: reads, terms: map[int64]bool{}, orders: map[string]bool{}, roots: map[string]bool{}, spans: map[string]bool{},
		out: &Found{Records: []string{}, Idle: map[string][]int64{}}}
	err := f.indexed(ctx, terms)
	if err == nil {
		err = f.scan(ctx, func(order string, named bool, take func()) {
			if named && order != "" {
				f.orders[order] = true
			}
		})
	}
	if err == nil {
		err = f.scan(ctx, func(order string, named bool, take func()) {
			if named || f.orders[order] {
				take()
			}
		})
	}
	if err == nil {
		err = f.beginnings(ctx)
	}
	f.out.Orders = slices.Sorted(maps.Keys(f.orders))
	return f.out, err
}

// sight is told of each thing in the store: the order that it belongs to, or "", and whether it names the person. take makes it one of those that are found.
type sight func(order string, named bool, take func())

func (f *finder) scan(ctx context.Context, see sight) error {
	for _, look := range []func(context.Context, sight) error{f.history, f.messages, f.records, f.refusals} {
		if err := look(ctx, see); err != nil {
			return err
		}
	}
	return nil
}

// pages calls each with the rows of history that a query finds.
func (f *finder) pages(ctx context.Context, q store.FindQuery, each func(row *store.HistoryRow) error) error {
	for q.Limit = portion; ; {
		rows, err := f.st.Find(ctx, q)
		for i := range rows {
			if err == nil {
				err = each(&rows[i])
			}
			q.Before = rows[i].Seq
		}
		if err != nil || len(rows) < portion {
			return err
		}
	}
}

// indexed finds the rows of history, and orders, that the index knows of. A row without an order, as that of a request before its order had a number, leads
// to the order that came of it. Of many, as of a file of orders, it leads to none: those are found by what they say.
func (f *finder) indexed(ctx context.Context, terms []int64) error {
	if len(terms) == 0 {
		return nil
	}
	return f.pages(ctx, store.FindQuery{Terms: terms}, func(row *store.HistoryRow) error {
		f.terms[row.Seq] = true
		if row.Correlation != "" {
			f.orders[row.Correlation] = true
			return nil
		}
		orders, _, err := f.of(ctx, row.Root)
		if len(orders) == 1 {
			maps.Copy(f.orders, orders)
		}
		return err
	})
}

// of are the orders that came of a root, and its rows that belong to none.
func (f *finder) of(ctx context.Context, root string) (orders map[string]bool, rows []store.HistoryRow, err error) {
	all, err := f.st.History(ctx, root)
	orders = map[string]bool{}
	for _, r := range all {
		switch {
		case r.Root != root:
		case r.Correlation != "":
			orders[r.Correlation] = true
		default:
			rows = append(rows, r)
		}
	}
	return orders, rows, err
}

// beginnings finds the rows of roots of which nothing came but the person's orders.
func (f *finder) beginnings(ctx context.Context) error {
	for root := range maps.Clone(f.roots) {
		orders, rows, err := f.of(ctx, root)
		if err != nil {
			return err
		}
		for order := range orders {
			if !f.orders[order] {
				rows = nil
			}
		}
		for i := range rows {
			if !slices.Contains(f.out.rows, rows[i].Seq) {
				f.takeRow(&rows[i])
			}
		}
	}
	return nil
}

func (f *finder) takeRow(row *store.HistoryRow) {
	f.out.History++
	f.out.rows = append(f.out.rows, row.Seq)
	f.roots[row.Root] = true
	f.spans[hex.EncodeToString(row.Span.TraceContext.Span[:])] = true
}

func (f *finder) history(ctx context.Context, see sight) error {
	return f.pages(ctx, store.FindQuery{}, func(row *store.HistoryRow) error {
		named := f.terms[row.Seq] || f.person.In(row.Root+" "+row.Correlation) ||
			slices.ContainsFunc(row.Events, func(e hub.Event) bool { return f.person.In(e.Message + " " + e.Where + " " + e.Detail) })
		see(row.Correlation, named, func() { f.takeRow(row) })
		return nil
	})
}

func (f *finder) messages(ctx context.Context, see sight) error {
	for q := (store.BrowseQuery{Limit: portion}); ; {
		page, err := f.st.Browse(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page {
			m := d.Msg
			rest, _ := json.Marshal([]any{m.ID, m.Key, m.Correlation, d.Name, m.Headers, d.Error}) // texts and times always can
			named := f.person.In(string(rest)) || f.person.In(string(d.Vars.Document().JSON())) || f.inBody(m.Body.Bytes())
			see(m.Correlation, named, func() { f.takeMessage(d) })
			q.After = d.Seq
		}
		if len(page) < portion {
			return nil
		}
	}
}

func (f *finder) takeMessage(d *hub.Delivery) {
	switch {
	case d.State == hub.Dead:
		f.out.dead = append(f.out.dead, hub.Settle{Seq: d.Seq})
	case f.reads(d.Queue):
		f.out.UnderWay = append(f.out.UnderWay, Place{d.Queue, fmt.Sprintf("message %d of %s is %s: let it end, or hub channel show says what it waits for", d.Seq, d.Msg.Correlation, d.State)})
		return
	default:
		f.out.Idle[d.Queue] = append(f.out.Idle[d.Queue], d.Seq)
	}
	f.out.Messages++
}

// Beginnings of kinds of records, as those write them that the records are of.
const (
	ofProcess = "process " // the key is the instance's, which is an order's
	ofTable   = "table "   // the key is often one
	ofGroup   = "group "   // members that wait for the others
	ofReply   = "reply"    // kept for a day
	ofAudit   = "audit"    // is never changed
)

func (f *finder) records(ctx context.Context, see sight) error {
	kinds := []string{ofReply, hub.BodiesKind}
	for _, begin := range []string{"", ofProcess, ofTable, ofGroup} { // a store may keep documents in a place of their own
		found, err := f.st.Kinds(ctx, begin)
		if err != nil {
			return err
		}
		kinds = append(kinds, found...)
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		for after := ""; ; {
			page, err := f.st.List(ctx, kind, "", after, portion)
			if err != nil {
				return err
			}
			for i := range page {
				f.record(&page[i], see)
				after = page[i].Key
			}
			if len(page) < portion {
				break
			}
		}
	}
	return nil
}

func (f *finder) record(r *hub.Record, see sight) {
	order, named := "", f.person.In(r.Key)
	switch {
	case r.Kind == hub.BodiesKind:
		named = f.spans[r.Key] || f.inKept(r.Value)
	case strings.HasPrefix(r.Kind, ofProcess):
		order = r.Key
	case strings.HasPrefix(r.Kind, ofTable): // a row that names the person makes its key no order
		named = named || f.orders[r.Key]
	case r.Kind == ofReply:
		var reply struct{ Correlation string }
		_ = json.Unmarshal(r.Value, &reply) // one that can't be read belongs to none
		order = reply.Correlation
	}
	see(order, named || f.inBody(r.Value), func() { f.takeRecord(r) })
}

func (f *finder) takeRecord(r *hub.Record) {
	switch {
	case strings.HasPrefix(r.Kind, ofAudit):
		f.out.Audit++
		return
	case strings.HasPrefix(r.Kind, ofGroup):
		f.out.UnderWay = append(f.out.UnderWay, Place{"aggregate", "a group waits for its other members, or for its time"})
		return
	case strings.HasPrefix(r.Kind, ofProcess) && !closed(r.Value):
		id := strings.TrimPrefix(r.Kind, ofProcess) + "/" + r.Key
		f.out.UnderWay = append(f.out.UnderWay, Place{id, "has not ended: let it end, or hub process cancel " + id})
		return
	case r.Kind == hub.BodiesKind:
		f.out.Bodies++
	default:
		f.out.Records = append(f.out.Records, r.Kind+" "+r.Key)
	}
	f.out.writes = append(f.out.writes, hub.Write{Kind: r.Kind, Key: r.Key, IfVersion: r.Version})
}

// closed tells that an instance of a process has ended.
func closed(instance []byte) bool {
	v, err := doc.Parse(instance)
	return err == nil && v.Get("closed").Kind() == doc.Number
}

// encoded is what may be bytes in JSON.
var encoded = regexp.MustCompile(`"[A-Za-z0-9+/]{8,}={0,2}"`)

// inBody tells that a document, or a text, names the person. Bytes in JSON are looked into.
func (f *finder) inBody(b []byte) bool {
	if f.person.In(string(b)) {
		return true
	}
	if !bytes.Contains(b, []byte(`ody":"`)) { // as replies that are kept have their bodies
		return false
	}
	return slices.ContainsFunc(encoded.FindAll(b, -1), func(text []byte) bool {
		raw, err := base64.StdEncoding.DecodeString(string(text[1 : len(text)-1]))
		return err == nil && f.person.In(string(raw))
	})
}

// inKept tells that bodies that are kept for traces name the person.
func (f *finder) inKept(value []byte) bool {
	steps, answers, err := hub.DecodeBodies(value)
	if err != nil {
		return false
	}
	var kept []*hub.KeptBody
	for _, s := range steps {
		kept = append(kept, s.Before, s.After)
	}
	for _, a := range answers {
		for name, value := range a.Headers {
			kept = append(kept, &hub.KeptBody{Bytes: []byte(name + " " + value)})
		}
		kept = append(kept, a.Asked, a.Body)
	}
	return slices.ContainsFunc(kept, func(b *hub.KeptBody) bool { return b != nil && f.inBody(b.Bytes) })
}

func (f *finder) refusals(ctx context.Context, see sight) error {
	for q := (store.RefusalQuery{Limit: portion}); ; {
		page, err := f.st.Refusals(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			r := &page[i]
			text, _ := json.Marshal(r) // texts and times always can
			see(r.Correlation, f.inBody(text) || f.person.In(r.Begins), func() {
				f.out.Refusals++
				f.out.rows = append(f.out.rows, r.Seq)
			})
			q.Before = r.Seq
		}
		if len(page) < portion {
			return nil
		}
	}
}
