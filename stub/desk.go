package stub

import (
	"embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// ledgerAnswer is GET /_ledger: the effects that match, oldest first, and the counts of the service and operation.
type ledgerAnswer struct {
	Count    int      `json:"count"`    // of effects that match
	Arrivals int      `json:"arrivals"` // of raw requests of the service and operation, whatever the ref
	Effects  []Effect `json:"effects"`
}

const faultSay = `{"service":"billing","op":"charge","status":503,"times":3,"delay":"100ms","down":"30s","after":false}: a status, a delay or down`

// mountDesk adds the routes every stub has: its ledger and its faults. service "" is all of them.
func mountDesk(mux *http.ServeMux, env Env, service string) {
	mux.HandleFunc("GET /_ledger", func(w http.ResponseWriter, r *http.Request) {
		q := Query{Service: r.FormValue("service"), Op: r.FormValue("op"), Ref: r.FormValue("ref")}
		if q.Service == "" {
			q.Service = service
		}
		if last := r.FormValue("last"); last != "" {
			n, err := strconv.Atoi(last)
			if err != nil || n < 1 {
				refuse(http.StatusBadRequest, "bad_request", "last=20", "last %q is not a number above 0", last).write(w)
				return
			}
			q.Last = n
		}
		effects := env.Ledger.Select(q)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(ledgerAnswer{len(effects), env.Ledger.Arrivals(q.Service, q.Op), effects})
	})
	mux.HandleFunc("POST /_fault", func(w http.ResponseWriter, r *http.Request) { orderFault(w, r, env, service) })
	mux.HandleFunc("GET /_fault", func(w http.ResponseWriter, _ *http.Request) {
		answer(map[string]any{"faults": env.Faults.List()}).write(w)
	})
	mux.HandleFunc("DELETE /_fault", func(w http.ResponseWriter, _ *http.Request) {
		env.Faults.Clear()
		answer(map[string]any{"faults": []Fault{}}).write(w)
	})
}

func orderFault(w http.ResponseWriter, r *http.Request, env Env, service string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var f Fault
	if err == nil {
		err = decodeStrict(body, &f)
	}
	if f.Service == "" {
		f.Service = service
	}
	if err == nil {
		err = env.add(f)
	}
	if err != nil {
		refuse(http.StatusBadRequest, "bad_request", faultSay, "%v", err).write(w)
		return
	}
	answer(map[string]any{"faults": env.Faults.List()}).write(w)
}

//go:embed page.html
var pageFiles embed.FS

// magic is one value that makes a partner misbehave.
type magic struct{ Service, Value, Effect string }

func magics() []magic {
	return []magic{
		{"billing", "card tok_declined", "402 declined"},
		{"billing", "card tok_expired", "402 expired_card"},
		{"billing", "card tok_error", "500, always"},
		{"billing", "card tok_slow", "charged at once, answered after 10 s"},
		{"billing", "card tok_flaky", "503 twice per key, then approved"},
		{"billing", "card tok_throttle", "429 with Retry-After: 1 once per key, then approved"},
		{"shipping", "address.zip 00000", "no answer for 10 s, never booked"},
		{"shipping", "service bad", "422"},
		{"catalog", "sku or customer NO-...", "404"},
		{"stock", "sku OUT-OF-STOCK", "reserved: false"},
		{"stock", "sku BACKORDER...", "reserved: false, incoming: true"},
		{"mail", "to bounce@...", "550"},
		{"mail", "to tempfail@...", "451 twice per Message-ID, then accepted"},
	}
}

type pageService struct {
	Name, URL string
	Routes    []string
}

// mountPages adds what a person reads: the index, the mails.
func mountPages(mux *http.ServeMux, ledger *Ledger, services []pageService) {
	pages := template.Must(template.ParseFS(pageFiles, "page.html"))
	show := func(w http.ResponseWriter, name string, data any) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_ = pages.ExecuteTemplate(w, name, data) // the reader is gone
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		effects := ledger.Select(Query{Last: 20})
		slices.Reverse(effects)
		show(w, "index", map[string]any{"Services": services, "Magic": magics(), "Effects": effects})
	})
	mux.HandleFunc("GET /mail", func(w http.ResponseWriter, _ *http.Request) {
		mails := ledger.lastMails()
		slices.Reverse(mails)
		show(w, "mails", mails)
	})
	mux.HandleFunc("GET /mail/{n}", func(w http.ResponseWriter, r *http.Request) {
		for _, m := range ledger.lastMails() {
			if strconv.Itoa(m.Number) == r.PathValue("n") {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				w.Header().Set("X-Content-Type-Options", "nosniff")
				_, _ = w.Write(m.raw)
				return
			}
		}
		refuse(http.StatusNotFound, "no_mail", "a number from GET /mail", "no mail %s", r.PathValue("n")).write(w)
	})
}
