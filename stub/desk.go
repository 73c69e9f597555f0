package stub

import (
	"encoding/json"
	"io"
	"net/http"
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
				newProblem(http.StatusBadRequest, "bad_request", "last=20", "last %q is not a number above 0", last).outcome().write(w, false)
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
		answer(map[string]any{"faults": env.Faults.List()}).write(w, false)
	})
	mux.HandleFunc("DELETE /_fault", func(w http.ResponseWriter, _ *http.Request) {
		env.Faults.Clear()
		answer(map[string]any{"faults": []Fault{}}).write(w, false)
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
		newProblem(http.StatusBadRequest, "bad_request", faultSay, "%v", err).outcome().write(w, false)
		return
	}
	answer(map[string]any{"faults": env.Faults.List()}).write(w, false)
}
