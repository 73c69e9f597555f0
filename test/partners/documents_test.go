package partners

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// document is a document of the page. Its folder in testdata has `in` with the sample, and `out` with what comes of it. In a sample
// answer.http is what the far end answers, request.http what it asks.
type document struct {
	name     string
	old, new string   // the fault: what is replaced in the sample by what
	wants    []string // what ops read of it
	left     []string // files that come out all the same
	packed   bool     // the sample is sent in gzip
}

var documents = []document{
	{name: "ubl-order", old: `EUR">44.90<`, new: `EUR">44,90<`,
		wants: []string{"1 dead letter left", "where=ubl-orders/translate",
			"cac:AnticipatedMonetaryTotal.cbc:PayableAmount.#text", "is no number", "44,90"}},
	{name: "ubl-invoice", old: ">8.53<", new: ">8.35<",
		wants: []string{"1 dead letter left", "where=ubl-invoices/validate", "net 44.90 and tax 8.35 are not the total 53.43"}},
	{name: "facturx", old: ">20260305<", new: ">20260335<",
		wants: []string{"1 dead letter left", "ram:IssueDateTime.udt:DateTimeString.#text", "is no time as 20060102", "20260335"}},
	{name: "cxml", old: `cXML.dtd">`, new: `cXML.dtd" [<!ENTITY x SYSTEM "file:///etc/passwd">]>`,
		wants: []string{"1 dead letter left", "line 2 column 1: a DOCTYPE is refused"}},
	{name: "opentrans", old: "<PARTY_ROLE>buyer<", new: "<PARTY_ROLE>byer<",
		wants: []string{"1 dead letter left", "buyer is missing"}},
	{name: "idoc-xml", old: "</E1EDK01>", new: "",
		wants: []string{"1 dead letter left", "line 7 column 88: expected </E1EDK01>, found </IDOC>"}},
	{name: "idoc-flat", old: "22.45 ", new: "22,45 ",
		wants: []string{"1 dead letter left", "line 5 column 118: price: ", "22,45", "is no number"}},
	{name: "magento", old: ">44.9000<", new: ">44,9000<",
		wants: []string{"1 dead letter left", "grand_total.#text", "is no number", "44,9000", "what was called before it is done"}},
	{name: "netsuite", old: "</env:Body>", new: "",
		wants: []string{"1 dead letter left", "line 2 column 380: expected </env:Body>, found </env:Envelope>"}},
	{name: "pain001", old: "AT611904300234573201", new: "AT61 1904 3002",
		wants: []string{"1 dead letter left", "where=payments/validate", "no IBAN: R-471102"}},
	{name: "camt053", old: "Ann Lee", new: "Ann & Lee",
		wants: []string{"1 refused",
			`"reason": "bad_xml"`, "statement.xml line 14: line 17 column 106: & begins no reference: write &amp;"}, left: []string{"2026030200001.json", "2026030200003.json"}},
	{name: "merchant-feed", old: "Pens &amp; ink", new: "Pens & ink",
		wants: []string{"1 refused", `"reason": "bad_xml"`, "feed.xml line 17: line 19 column 15: & begins no reference: write &amp;"}, left: []string{"LAMP-1.json"}},
	{name: "dhl-tracking", old: ">09:15:00<", new: ">9h15<",
		wants: []string{"1 dead letter left", "where=tracking/translate", "is no time as 2006-01-02 15:04:05", "2026-03-03 9h15"}, left: []string{"7740949191.json", "7740949193.json"}},
	{name: "amazon-orders", old: "\t2\tEUR", new: "\ttwo\tEUR",
		wants: []string{"1 dead letter left", "line 2 column 170: quantity-purchased: ", "is no number"}},
	{name: "shopify-csv", old: ",PEN-2,,,,,,,", new: ",PEN-2,,,,,,",
		wants: []string{"1 dead letter left", "line 4 column 87: 21 columns, expected 22: Name, Email"}},
	{name: "woocommerce-csv", old: ",5.00,0,Bob", new: ",5,00,0,Bob",
		wants: []string{"1 refused", `"reason": "bad_csv"`, "17 columns, expected 16"}, left: []string{"745.json"}},
	{name: "datev", old: "Lampe – 2", new: "Lampe → 2",
		wants: []string{"1 dead letter left", "windows-1252", "→"}},
	{name: "bank-csv", old: `"-53,43"`, new: `"-53.43"`,
		wants: []string{"1 refused", `"reason": "bad_csv"`, "line 7 column 130: Betrag (€): ", "is no number such as 1.234,50"}, left: []string{"6.json"}},
	{name: "paypal-csv", old: `"-38.04"`, new: `"-38,04"`,
		wants: []string{"1 refused", `"reason": "bad_csv"`, "line 2 column 98: Fee: ", "is no number such as 1,234.50"}, left: []string{"2RF12345AB678901D.json"}},
	{name: "stripe-payouts", old: "2026-03-01 11:30:05", new: "03/01/2026 11:30",
		wants: []string{"1 refused", `"reason": "bad_csv"`, "line 3 column 7: created: ", "is no time as 2006-01-02 15:04:05"}, left: []string{"txn_1.json"}},
	{name: "excel-csv", old: "0,99", new: "0.99",
		wants: []string{"1 refused", `"reason": "bad_csv"`, "line 4 column 12: Preis €: ", "is no number such as 1.234,50"}, left: []string{"LAMP-1.json", "PEN-2.json"}},
	{name: "worldship", old: `"weight": 12`, new: `"weight": {"kg": 12}`,
		wants: []string{"1 dead letter left", "/1/Weight: object has no place in a cell"}},
	{name: "shopify-bulk", old: `"quantity":1`, new: `"quantity":`,
		wants: []string{"1 dead letter left", "line 4 column 63: expected a value, found ','"}},
	{name: "mainframe-stock", old: "\xf0\xf9\xf9\xf0", new: "\xd6\xf9\xf9\xf0",
		wants: []string{"1 refused", `"reason": "bad_fixed"`, "line 3 column 42: price: ", "000000O99", "is no number"}, left: []string{"LAMP-1.json", "0815.json"}},
	{name: "nacha-returns", old: "0000004490PO", new: "00000O4490PO",
		wants: []string{"1 dead letter left", "line 3 column 30: amount: ", "00000O4490", "is no number"}},
	{name: "mail-order", old: "Subject: Order PO-4711", new: "Subject: Order",
		wants: []string{"1 dead letter left", "where=mail-orders/validate", "the subject has no order number"}},
	{name: "multipart-upload", old: "PEN-2;1;", new: "PEN-2;1",
		wants: []string{"400 Bad Request",
			"line 5 column 1: part 2: its body: line 3 column 8: 2 columns, expected 3: sku, quantity, note", `"reason": "bad_multipart"`}},
	{name: "gzip-csv", old: "PEN-2,0,", new: "PEN-2,none,",
		wants: []string{"1 refused", `"reason": "bad_csv"`, "stock.csv.gz line 3: line 3 column 7: stock: ", "is no number"}, left: []string{"LAMP-1.json", "0815.json"}, packed: true},
	{name: "pdf-invoice", old: "%PDF-1.7", new: "<html>",
		wants: []string{"1 dead letter left", "RE-0815.pdf is no PDF"}},
	{name: "edifact", old: "UNB+UNOC", new: "UNB:UNOC",
		wants: []string{"1 dead letter left", "where=edi/validate", "the interchange has no UNB segment"}},
}

// TestDocuments: each document of the page is read or written by the YAML of the page alone, and one with a fault is refused with its place and reason.
func TestDocuments(t *testing.T) {
	blocks := readPage(t, "documents.md", "TestDocuments")
	if len(blocks) != len(documents) {
		t.Errorf("%d documents on the page, %d have a test", len(blocks), len(documents))
	}
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			at := slices.IndexFunc(blocks, func(b block) bool { return b.name == d.name })
			if at < 0 {
				t.Fatal("the page does not have it")
			}
			yaml := blocks[at].yaml
			in, want := folder(t, d.name, "in"), folder(t, d.name, "out")
			t.Run("sample", func(t *testing.T) { d.sample(t, yaml, in, want) })
			t.Run("fault", func(t *testing.T) { d.fault(t, yaml, in, want) })
		})
	}
}

// folder has the files of one below testdata.
func folder(t *testing.T, names ...string) map[string]string {
	t.Helper()
	return files(t, filepath.Join(append([]string{"testdata"}, names...)...))
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range found {
		if f.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(b)
	}
	return out
}

func (d *document) sample(t *testing.T, yaml string, in, want map[string]string) {
	r := d.run(t, yaml, in, 0)
	if len(want) == 0 {
		t.Error("nothing is wanted")
	}
	same(t, r, want)
}

func (d *document) fault(t *testing.T, yaml string, in, want map[string]string) {
	bad, found := map[string]string{}, 0
	for name, content := range in {
		bad[name] = strings.Replace(content, d.old, d.new, 1)
		if bad[name] != content {
			found++
		}
	}
	if found != 1 {
		t.Fatalf("%q is in %d files", d.old, found)
	}
	r := d.run(t, yaml, bad, 1)
	for _, text := range d.wants {
		if !strings.Contains(r.told, text) {
			t.Errorf("%q is not in\n%s", text, r.told)
		}
	}
	for name := range want {
		if !slices.Contains(d.left, name) {
			delete(want, name)
		}
	}
	same(t, r, want)
}

// result is what came of a run.
type result struct {
	out  map[string]string // files that were written, or the answer
	told string            // what ops read
}

func same(t *testing.T, r result, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got, ok := r.out[name]; !ok || got != want[name] {
			t.Errorf("%s:\n got  %q\n want %q\n%s", name, got, want[name], r.told)
		}
	}
	for name, content := range r.out {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not wanted: %q\n%s", name, content, r.told)
		}
	}
}

// run completes the YAML with its far ends, gives the hub the sample, and waits for what comes out. fails is how the hub ends.
func (d *document) run(t *testing.T, yaml string, in map[string]string, fails int) (r result) {
	inbox, outbox := t.TempDir(), t.TempDir()
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { d.answer(t, w, req, in) }))
	defer far.Close()
	schema, err := filepath.Abs("../../config/schemas/order.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(yaml, "\nadapters:\n") {
		yaml += "adapters:\n"
	}
	yaml = strings.Replace(yaml, "\nadapters:\n", "\nadapters:\n  inbox: {type: files, dir: "+inbox+"}\n  outbox: {type: files, dir: "+outbox+"}\n", 1)
	if strings.Contains(yaml, "schema: order") {
		yaml += "schemas: {order: " + schema + "}\n"
	}
	s := newSite(t, strings.ReplaceAll(yaml, "${PARTNER}", far.URL))
	kept := map[string]string{}
	for name, content := range in {
		if strings.HasSuffix(name, ".http") {
			continue
		}
		if d.packed {
			name, content = name+".gz", packed(content)
		}
		kept[name] = content
		if err := os.WriteFile(filepath.Join(inbox, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if request := in["request.http"]; request != "" {
		if r.told = s.asked(request); fails == 0 {
			r.out = map[string]string{"answer.http": r.told}
		}
	} else {
		r.told = s.hub(fails, "run", "pipelines.yaml", "--once")
		r.out = files(t, outbox)
	}
	if left := files(t, inbox); !maps.Equal(left, kept) {
		t.Errorf("the sample is not kept: %q", left)
	}
	if fails > 0 {
		r.told += s.hub(0, "refused", "list", "-o", "json")
	}
	return r
}

func packed(content string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, content)
	w.Close()
	return out.String()
}

// answer sends what the far end answers.
func (d *document) answer(t *testing.T, w http.ResponseWriter, req *http.Request, in map[string]string) {
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in["answer.http"])), req)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}
