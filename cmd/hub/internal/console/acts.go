package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/pipelines/process"
)

const (
	saidCookie = "said"    // what an act had to say, for the page that follows it
	byCookie   = "by"      // the name that was given last
	byConsole  = "console" // who looks at what is recorded, of whom no name is known
)

// form asks somebody whether an act is meant, and for what it needs.
type form struct {
	Title   string
	Text    string // what will happen
	Facts   [][2]string
	Fields  []field
	Preview *api.Settled
	Changes []string // values that it changes, as show.Changes has them
	Ahead   bool     // it tells what it would do with what was written, before it does it:
	Sure    string   // what was written, when it has told that
	Count   int      // messages that it means
	Command string   // that does the same
	Button  string
	Danger  bool   // it can't be taken back
	Reason  string // why it must be given; "": it need not be
	Back    string // where whoever does not mean it goes, and where it leads when it is done
	Who     string // it acts, as the hub knows; "": it asks for a name
	By, Why string
	Refused *api.Problem // what was wrong with the last answer
}

// field is something that a form asks for.
type field struct {
	Name, Label, Type string // text, area, bool, number, date, choice, hidden
	Value, Hint       string
	Choices           []string
	Needed            bool
}

func (f *form) refused() *api.Problem { return f.Refused }

// act is something that people do: a form, and what it does when it is sent.
type act struct {
	ask func(r *http.Request) (*form, error)
	do  func(r *http.Request, who url.Values) (said string, err error)
}

// act answers a path with an act, which makes the call: GET asks, POST does.
func (c *Console) act(path string, call api.Declared, a act) {
	c.needs[path] = call
	c.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { c.asks(w, r, a, nil) })
	c.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		said, back, err := c.done(w, r, a)
		c.kept.forget()
		if errors.Is(err, errLook) {
			c.asks(w, r, a, nil)
			return
		}
		if err != nil {
			c.asks(w, r, a, err)
			return
		}
		setCookie(w, saidCookie, said, time.Minute)
		http.Redirect(w, r, back, http.StatusSeeOther)
	})
}

// errLook asks for the form again, which tells now what the act would do with what was written.
var errLook = errors.New("look at what it would do")

// written is what was written into the fields of the names; "" as long as nothing was.
func written(r *http.Request, names ...string) string {
	if r.Method != http.MethodPost {
		return ""
	}
	values := []string{"sure"}
	for _, name := range names {
		values = append(values, r.PostFormValue(name))
	}
	return hub.HashID(escape.JoinKey(values...))
}

// asks shows the form of an act, with what was written into it and why that was refused.
func (c *Console) asks(w http.ResponseWriter, r *http.Request, a act, refused error) {
	c.alone(w, r, func(r *http.Request, _ *api.Status) (*view, error) {
		if err := c.allow(r); err != nil {
			return nil, err
		}
		f, err := a.ask(r)
		if err != nil {
			return nil, err
		}
		f.Why, f.By, f.Who = r.FormValue("why"), r.FormValue("by"), api.WhoOf(r.Context()).Name
		if name, err := r.Cookie(byCookie); err == nil && f.By == "" {
			f.By, _ = url.QueryUnescape(name.Value)
		}
		if refused != nil {
			f.Refused = api.ProblemOf(refused)
		}
		for i := range f.Fields {
			f.Fields[i].Value = cmp.Or(r.PostFormValue(f.Fields[i].Name), f.Fields[i].Value)
		}
		return &view{"form", f.Title, f}, nil
	})
}

// done does an act, if the form has all that it needs: what is to be said of it, and the page that it leads to.
func (c *Console) done(w http.ResponseWriter, r *http.Request, a act) (said, back string, err error) {
	if err := c.allow(r); err != nil {
		return "", "", err
	}
	who := api.WhoOf(r.Context()).Name
	by, why := cmp.Or(who, strings.TrimSpace(r.PostFormValue("by"))), strings.TrimSpace(r.PostFormValue("why"))
	f, err := a.ask(r)
	switch {
	case err != nil:
		return "", "", err
	case f.Refused != nil, f.Sure != r.PostFormValue("sure"):
		return "", "", errLook
	case by == "":
		return "", "", api.BadRequestf("Say who you are: the audit log keeps it.")
	case f.Reason != "" && why == "":
		return "", "", api.BadRequestf("Say why: %s.", f.Reason)
	}
	if who == "" {
		setCookie(w, byCookie, by, 365*24*time.Hour)
	}
	said, err = a.do(r, query("by", by, "why", why))
	return said, f.Back, err
}

func setCookie(w http.ResponseWriter, name, value string, keep time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: int(keep.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// takeSaid is what the act before had to say. It is said once.
func takeSaid(w http.ResponseWriter, r *http.Request) string {
	k, err := r.Cookie(saidCookie)
	if err != nil {
		return ""
	}
	setCookie(w, saidCookie, "", -time.Second)
	text, _ := url.QueryUnescape(k.Value)
	return text
}

// acts are all acts.
func (c *Console) acts() {
	c.act("/pause", api.PostPause.Declared, c.pausing(api.PostPause, "pause", "Pause", "Messages that come wait in the store, or with whoever sends them. Nothing is dropped. It stays paused over a restart."))
	c.act("/resume", api.PostResume.Declared, c.pausing(api.PostResume, "resume", "Resume", "What waits goes on, in its order."))
	c.act("/replay", api.PostReplay.Declared, act{c.askReplay, c.replay})
	c.act("/drop", api.PostDrop.Declared, act{c.askDrop, c.drop})
	c.act("/signal", api.PostSignal.Declared, act{c.askSignal, c.signal})
	c.act("/retry", api.PostRetry.Declared, c.steering(api.PostRetry, "retry", "Retry now", "What failed, or waits for another try, is tried now. Dead letters that asked for the same are dropped.", false))
	c.act("/cancel", api.PostCancel.Declared, c.steering(api.PostCancel, "cancel", "Cancel", "What was done is undone, the newest first.", true))
	c.act("/move", api.PostMove.Declared, c.steering(api.PostMove, "move", "Move to the newest version", "It goes on with the newest version of the process, as in_flight says.", false))
	c.act("/claim", api.PostClaim.Declared, act{c.askTask("claim", "Claim", "Nobody else may answer it then."), c.changeTask(api.PostClaim, "The task is yours.")})
	c.act("/hand-over", api.PostHandOver.Declared, act{c.askTask("hand-over", "Hand over", "", field{Name: "to", Label: "To", Type: "text", Hint: "a name, or a group: then anybody of it may claim it", Needed: true}),
		c.changeTask(api.PostHandOver, "The task is handed over.")})
	c.act("/answer", api.PostTaskAnswer.Declared, act{c.askAnswer, c.answer})
	c.act("/silence", api.PostSilence.Declared, act{c.askSilence, c.silence})
	c.changes()
	c.act("/rollback", api.PostRollback.Declared, act{c.askRollback, c.rollback})
	c.act("/reload", api.PostReload.Declared, act{c.askReload, c.reload})
}

func (c *Console) pausing(call api.Call[*api.PauseState], verb, button, text string) act {
	return act{func(r *http.Request) (*form, error) {
		name := r.FormValue("name")
		return &form{Title: button + " " + name, Text: text, Facts: [][2]string{{"Pipeline", name}}, Command: command("hub", verb, name), Button: button,
			Back: "/pipeline?" + query("name", name).Encode()}, nil
	}, func(r *http.Request, who url.Values) (string, error) {
		s, _, err := call.Of(r.FormValue("name")).Ask(r.Context(), c.hub, who, nil)
		if err != nil || s.Paused {
			return r.FormValue("name") + " is paused.", err
		}
		return r.FormValue("name") + " runs.", nil
	}}
}

// chosen are the dead letters that a request names: ?seq=, ?group=, or all.
func chosen(r *http.Request) (s api.DeadSelection, flags []string, back string) {
	if seq, err := strconv.ParseInt(r.FormValue("seq"), 10, 64); err == nil {
		return api.DeadSelection{Seqs: []int64{seq}}, []string{r.FormValue("seq")}, "/errors"
	}
	if group := r.FormValue("group"); group != "" {
		return api.DeadSelection{Group: group}, []string{"--group", group}, "/errors"
	}
	return api.DeadSelection{All: true}, []string{"--all"}, "/errors"
}

func (c *Console) askReplay(r *http.Request) (*form, error) {
	s, flags, back := chosen(r)
	q := api.Replay{DeadSelection: s, Try: true}
	q.DryRun = true
	set, args, refused := values(r)
	q.Set = set
	would, _, err := api.PostReplay.Ask(r.Context(), c.hub, query("by", byConsole), q)
	if err != nil && set != nil { // the values do not fit
		refused, q.Set = err, nil
		would, _, err = api.PostReplay.Ask(r.Context(), c.hub, query("by", byConsole), q)
	}
	if err != nil {
		return nil, err
	}
	for _, value := range args {
		flags = append(flags, "--set", value)
	}
	f := &form{Title: "Replay " + words.Plural(would.Count, "dead letter"), Preview: would, Back: back, Fields: []field{mend},
		Text:    "They run again with the configuration that runs now. Their attempts start anew, their order stays, and whom they asked already knows the repeat.",
		Command: command(append([]string{"hub", "replay"}, flags...)...), Button: "Replay " + words.Plural(would.Count, "message"), Reason: "the audit log keeps the reason of a replay"}
	if refused != nil {
		f.Refused = api.ProblemOf(refused)
	} else if set != nil { // what it leads to is told with them first
		f.Sure, f.Text = written(r, "set"), "With the values that you wrote this is what it would lead to. Press once more to do it."
	}
	return f, nil
}

func (c *Console) replay(r *http.Request, who url.Values) (string, error) {
	s, _, _ := chosen(r)
	set, _, err := values(r)
	if err != nil {
		return "", err
	}
	done, left, err := c.settle(r, api.PostReplay, who, s, func(s api.DeadSelection) any { return api.Replay{DeadSelection: s, Set: set} })
	return fmt.Sprintf("%s replayed, %d left.", words.Plural(done, "dead letter"), left), err
}

func (c *Console) askDrop(r *http.Request) (*form, error) {
	s, flags, back := chosen(r)
	s.DryRun = true
	would, _, err := api.PostDrop.Ask(r.Context(), c.hub, query("by", byConsole), s)
	if err != nil {
		return nil, err
	}
	return &form{Title: "Delete " + words.Plural(would.Count, "dead letter"), Preview: would, Back: back, Danger: true, Text: "They are deleted for good.",
		Command: command(append([]string{"hub", "dlq", "drop"}, flags...)...), Button: "Delete " + words.Plural(would.Count, "message"), Reason: "the audit log keeps the reason of a deletion"}, nil
}

func (c *Console) drop(r *http.Request, who url.Values) (string, error) {
	s, _, _ := chosen(r)
	done, left, err := c.settle(r, api.PostDrop, who, s, func(s api.DeadSelection) any { return s })
	return fmt.Sprintf("%s deleted, %d left.", words.Plural(done, "dead letter"), left), err
}

// settle replays or drops what is chosen, a portion after the other. What dies meanwhile is not meant.
func (c *Console) settle(r *http.Request, call api.Call[*api.Settled], who url.Values, s api.DeadSelection, body func(api.DeadSelection) any) (done, left int, err error) {
	if len(s.Seqs) == 0 {
		s.Until = time.Now()
	}
	for {
		a, _, err := call.Ask(r.Context(), c.hub, who, body(s))
		if err != nil {
			return done, left, err
		}
		done, left = done+a.Count, a.Left
		if s.After = a.Next; a.Next == 0 {
			return done, left, nil
		}
	}
}

func (c *Console) askSignal(r *http.Request) (*form, error) {
	id := r.FormValue("id")
	v, err := ask(c, r, api.GetInstance, query("id", id))
	if err != nil {
		return nil, err
	}
	return &form{Title: "Tell " + v.ID + " of an event", Text: "The process takes the event as if its source had told it. An event that no state takes yet waits for one.",
		Fields:  []field{{Name: "event", Label: "Event", Type: "choice", Choices: v.Listens, Needed: true}, {Name: "with", Label: "With", Type: "area", Hint: "what formulas call `event`, as JSON; may be left out"}},
		Command: command("hub", "process", "signal", id, "EVENT"), Button: "Tell it", Back: instancePage(id)}, nil
}

func instancePage(id string) string { return "/instance?" + query("id", id).Encode() }

func (c *Console) signal(r *http.Request, who url.Values) (string, error) {
	q := api.ActRequest{Instance: r.FormValue("id"), Event: r.PostFormValue("event")}
	if with := strings.TrimSpace(r.PostFormValue("with")); with != "" {
		if q.With = json.RawMessage(with); !json.Valid(q.With) {
			return "", api.BadRequestf("What comes with the event is no JSON.")
		}
	}
	return c.steer(r, api.PostSignal, who, q)
}

func (c *Console) steering(call api.Call[*api.Acted], verb, button, text string, danger bool) act {
	return act{func(r *http.Request) (*form, error) {
		id := r.FormValue("id")
		v, err := ask(c, r, api.GetInstance, query("id", id))
		if err != nil {
			return nil, err
		}
		f := &form{Title: button + ": " + v.ID, Text: text, Danger: danger, Button: button, Command: command("hub", "process", verb, id), Back: instancePage(id),
			Facts: [][2]string{{"Process", fmt.Sprintf("%s v%d", v.Process, v.Version)}, {"State", v.State}}}
		if danger {
			f.Reason = "it is kept in the history"
			f.Facts = append(f.Facts, [2]string{"Undone", cmp.Or(strings.Join(v.Undo, ", "), "nothing was done that has to be undone")})
		}
		return f, nil
	}, func(r *http.Request, who url.Values) (string, error) {
		return c.steer(r, call, who, api.ActRequest{Instance: r.FormValue("id")})
	}}
}

// steer asks something of an instance, and says where it stands then.
func (c *Console) steer(r *http.Request, call api.Call[*api.Acted], who url.Values, q api.ActRequest) (string, error) {
	a, _, err := call.Ask(r.Context(), c.hub, who, q)
	if err != nil {
		return "", err
	}
	return tellActed(a), nil
}

// tellActed says where an instance stands after an act.
func tellActed(a *api.Acted) string {
	switch {
	case !a.Done:
		return "It is stored, and the process has not taken it yet."
	case a.Kept:
		return "It is kept: no state takes it yet."
	}
	return a.Instance.ID + " is in " + a.Instance.State + "."
}

// askTask makes the form of an act on a task.
func (c *Console) askTask(verb, button, text string, fields ...field) func(r *http.Request) (*form, error) {
	return func(r *http.Request) (*form, error) {
		k, err := ask(c, r, api.GetTask, query("id", r.FormValue("id")))
		if err != nil {
			return nil, err
		}
		return &form{Title: button + " the task of " + k.Instance, Text: text, Fields: append([]field{}, fields...), Button: button, Facts: taskFacts(k),
			Command: command("hub", "task", verb, k.ID), Back: "/task?" + query("id", k.ID).Encode()}, nil
	}
}

func taskFacts(k *process.OpenTask) [][2]string {
	return [][2]string{{"Order", k.Process + " " + k.Instance}, {"Group", k.Group}, {"Claimed by", cmp.Or(k.Claimed, "nobody")}}
}

func (c *Console) changeTask(call api.Call[*process.OpenTask], said string) func(r *http.Request, who url.Values) (string, error) {
	return func(r *http.Request, who url.Values) (string, error) {
		_, _, err := call.Ask(r.Context(), c.hub, who, api.TaskRequest{ID: r.FormValue("id"), To: r.PostFormValue("to")})
		return said, err
	}
}

// askAnswer makes the form that the configuration declares for a task.
func (c *Console) askAnswer(r *http.Request) (*form, error) {
	f, err := c.askTask("answer", "Answer", "The process goes on with the answer.")(r)
	if err != nil {
		return nil, err
	}
	k, err := ask(c, r, api.GetTask, query("id", r.FormValue("id")))
	if err != nil {
		return nil, err
	}
	for _, a := range k.Ask {
		f.Fields = append(f.Fields, field{Name: "answer." + a.Name, Label: a.Name, Type: a.Type, Choices: a.Choices, Needed: !a.Optional})
	}
	f.Back = "/tasks"
	return f, nil
}

func (c *Console) answer(r *http.Request, who url.Values) (string, error) {
	given := map[string]string{}
	for name, values := range r.PostForm {
		if field, ok := strings.CutPrefix(name, "answer."); ok && values[0] != "" {
			given[field] = values[0]
		}
	}
	raw, _ := json.Marshal(given) // of texts: never fails
	a, _, err := api.PostTaskAnswer.Ask(r.Context(), c.hub, who, api.TaskRequest{ID: r.FormValue("id"), Answer: raw})
	if err != nil {
		return "", err
	}
	return "Answered: " + tellActed(a), nil
}

func (c *Console) askSilence(r *http.Request) (*form, error) {
	name := r.FormValue("name")
	return &form{Title: "Silence " + name, Text: "Nobody is told of the alert for this long. It is shown here all the same.", Facts: [][2]string{{"Alert", name}},
		Fields:  []field{{Name: "for", Label: "For", Type: "text", Value: "2h", Hint: "such as 30m, 2h or 3d; 0 ends a silence", Needed: true}},
		Command: command("hub", "alerts", "silence", name, "--for", "2h"), Button: "Silence", Back: "/alerts"}, nil
}

func (c *Console) silence(r *http.Request, who url.Values) (string, error) {
	e, _, err := api.PostSilence.Of(r.FormValue("name")).Ask(r.Context(), c.hub, who, api.Silence{For: r.PostFormValue("for")})
	if err != nil || e.Silence == nil {
		return "The alert is told of again.", err
	}
	return "The alert is silent.", nil
}

func (c *Console) askReload(r *http.Request) (*form, error) {
	f, err := c.askChange(r, "")
	if err != nil {
		return nil, err
	}
	f.Title, f.Command, f.Button = "Reload the configuration", "hub reload", "Reload"
	f.Text = "The file is read and checked. If it has a fault, or would strand an instance, the configuration that runs now stays."
	return f, nil
}

// askChange is the form of an act that takes another configuration: it shows what that would change.
func (c *Console) askChange(r *http.Request, revision string) (*form, error) {
	would, err := ask(c, r, api.GetConfigChange, query("revision", revision))
	if err != nil {
		return nil, err
	}
	f := &form{Facts: [][2]string{{"Runs now", would.From}, {"Then", cmp.Or(would.To, "it has a fault")}}, Changes: would.Lines, Back: "/config"}
	if len(f.Changes) == 0 {
		f.Changes = []string{"nothing"}
	}
	if would.Problems != "" {
		f.Refused = api.Conflictf("invalid_config", "%s", would.Problems)
	}
	return f, nil
}

func (c *Console) reload(r *http.Request, who url.Values) (string, error) {
	a, _, err := api.PostReload.Ask(r.Context(), c.hub, who, nil)
	return tellReloaded(a, err)
}

// tellReloaded says what runs after a reload; one that was refused is an error.
func tellReloaded(a *api.Reloaded, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case !a.OK:
		return "", api.Conflictf("refused", "%s\n%s", a.Summary, a.Problems)
	}
	return strings.Join(append([]string{a.Summary}, a.Warnings...), "; "), nil
}

func (c *Console) askRollback(r *http.Request) (*form, error) {
	revision := r.FormValue("revision")
	f, err := c.askChange(r, revision)
	if err != nil {
		return nil, err
	}
	f.Title, f.Command, f.Button, f.Reason = "Roll back to "+revision, command("hub", "config", "rollback", revision), "Roll back", "the audit log keeps the reason of a roll back"
	f.Text = "The files are written over with what they were, and reloaded. What stands in them now is kept, and can be had again. If the reload is refused, they are put back."
	return f, nil
}

func (c *Console) rollback(r *http.Request, who url.Values) (string, error) {
	a, _, err := api.PostRollback.Ask(r.Context(), c.hub, who, api.Rollback{Revision: r.FormValue("revision")})
	return tellReloaded(a, err)
}
