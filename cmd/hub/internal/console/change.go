package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
)

// changes are the acts whose form tells what they would do with what was written, before they do it.
func (c *Console) changes() {
	c.act("/transfer", api.PostTransfer.Declared, act{c.askTransfer, c.transfer})
	c.act("/purge", api.PostPurge.Declared, act{c.askPurge, c.purge})
	c.act("/set", api.PostChange.Declared, act{c.askSet, c.set})
	c.act("/call", api.PostCall.Declared, act{c.askCall, c.call})
}

// selection are the messages of a queue that a form means: ?seq=, or those that its fields choose, with the values that are to be changed.
func selection(r *http.Request) (q api.ChannelChange, args []string, err error) {
	q.To = r.PostFormValue("to")
	q.Set, args, err = values(r)
	q.Match, q.Older = strings.TrimSpace(r.FormValue("match")), strings.TrimSpace(r.FormValue("older"))
	if seq := r.FormValue("seq"); seq != "" {
		q.Match, q.Older, q.IDs = "", "", []string{seq}
	}
	q.All = q.Match == "" && q.Older == "" && len(q.IDs) == 0
	if _, err := fmt.Sscan(r.PostFormValue("until"), &q.Until); err != nil {
		q.Until = 0
	}
	return q, args, err
}

// selecting is the form of an act on messages of a queue. Once something was written, it tells how many are meant.
func (c *Console) selecting(r *http.Request, call api.Call[*api.ChannelChanged], verb string, fields ...field) (*form, error) {
	name := r.FormValue("name")
	q, set, err := selection(r)
	args := append([]string{"hub", "channel", verb, name}, q.IDs...)
	f := &form{Ahead: true, Facts: [][2]string{{"Channel", name}}, Fields: fields, Back: "/channel?" + query("name", name).Encode(), Sure: written(r, "match", "older", "to", "set")}
	if len(q.IDs) > 0 {
		f.Facts = append(f.Facts, [2]string{"Message", q.IDs[0]})
	} else {
		f.Fields = append(f.Fields, field{Name: "match", Label: "Only where", Type: "text", Value: q.Match, Hint: "a condition, such as body.total > 100"},
			field{Name: "older", Label: "Only older than", Type: "text", Value: q.Older, Hint: "such as 2d or 90m"})
	}
	for _, flag := range [][2]string{{"--to", q.To}, {"--match", q.Match}, {"--older", q.Older}} {
		if flag[1] != "" {
			args = append(args, flag[:]...)
		}
	}
	if q.All {
		args = append(args, "--all")
	}
	for _, value := range set {
		args = append(args, "--set", value)
	}
	if f.Command = command(args...); f.Sure == "" {
		return f, nil
	}
	q.DryRun = true
	var would *api.ChannelChanged
	if err == nil {
		would, err = c.portions(r, call.Of(name), query("by", byConsole, "why", "a preview"), q)
	}
	if err == nil && would.Count == 0 {
		err = api.NotFoundf("No message of %s is meant: nothing would be done.", name)
	}
	if err != nil {
		f.Refused, f.Sure = api.ProblemOf(err), ""
		return f, nil
	}
	f.Facts = append(f.Facts, [2]string{"Messages", words.Plural(would.Count, "message")})
	for _, queue := range slices.Sorted(maps.Keys(would.Queues)) {
		f.Facts = append(f.Facts, [2]string{"Go to", fmt.Sprintf("%s: %d", queue, would.Queues[queue])})
	}
	if would.Unclear > 0 {
		f.Facts = append(f.Facts, [2]string{"Not meant", fmt.Sprintf("%d of which the condition can't be told: %s", would.Unclear, would.Asked.Why)})
	}
	f.Fields = append(f.Fields, field{Name: "until", Type: "hidden", Value: fmt.Sprint(would.Last)})
	f.Count = would.Count
	return f, nil
}

// portions makes a call for one portion of messages after the other.
func (c *Console) portions(r *http.Request, call api.Call[*api.ChannelChanged], who url.Values, q api.ChannelChange) (*api.ChannelChanged, error) {
	for sum := (&api.ChannelChanged{}); ; {
		a, _, err := call.Ask(r.Context(), c.hub, who, q)
		if err != nil {
			return nil, err
		}
		sum.Add(a)
		if q.After = a.Next; a.Next == 0 {
			return sum, nil
		}
	}
}

func (c *Console) askTransfer(r *http.Request) (*form, error) {
	to := field{Name: "to", Label: "To", Type: "text", Hint: "a channel, or a pipeline whose steps they go through", Needed: true, Value: r.FormValue("to")}
	f, err := c.selecting(r, api.PostTransfer, "move", to, mend)
	if err != nil {
		return nil, err
	}
	f.Title, f.Button = "Move messages of "+r.FormValue("name"), "Move "+words.Plural(f.Count, "message")
	f.Text = "Each leaves its channel and lies in the other one in one commit: none is lost, none doubled. Their order stays. What is being handled just now is left alone."
	return f, nil
}

func (c *Console) transfer(r *http.Request, who url.Values) (string, error) {
	q, _, err := selection(r)
	if err != nil {
		return "", err
	}
	a, err := c.portions(r, api.PostTransfer.Of(r.FormValue("name")), who, q)
	if err != nil {
		return "", err
	}
	return words.Plural(a.Count, "message") + " moved to " + r.PostFormValue("to") + ".", nil
}

func (c *Console) askPurge(r *http.Request) (*form, error) {
	f, err := c.selecting(r, api.PostPurge, "purge")
	if err != nil {
		return nil, err
	}
	f.Title, f.Button, f.Danger, f.Reason = "Delete messages of "+r.FormValue("name"), "Delete "+words.Plural(f.Count, "message"), true, "the audit log keeps the reason of a deletion"
	f.Text = "They are deleted for good. What waited behind a deleted message of its key goes on."
	if f.Sure != "" {
		f.Fields = append(f.Fields, field{Name: "typed", Label: "Type the channel's name", Type: "text", Needed: true})
	}
	return f, nil
}

func (c *Console) purge(r *http.Request, who url.Values) (string, error) {
	name := r.FormValue("name")
	if r.PostFormValue("typed") != name {
		return "", api.BadRequestf("Type the channel's name: %s. Nothing was deleted.", name)
	}
	q, _, _ := selection(r) // its form has no values
	a, err := c.portions(r, api.PostPurge.Of(name), who, q)
	if err != nil {
		return "", err
	}
	return words.Plural(a.Count, "message") + " deleted.", nil
}

// mend is the field of values that change what messages hold.
var mend = field{Name: "set", Label: "Values", Type: "area", Hint: "that are changed in the bodies before, a line for each: customer.id=C-7; of a list by its index: lines.0.qty=2"}

// values are those that are written into a form: a line for each, PATH=VALUE.
func values(r *http.Request) (set map[string]string, args []string, err error) {
	for line := range strings.Lines(r.PostFormValue("set")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		path, value, ok := strings.Cut(line, "=")
		if !ok || path == "" {
			return nil, nil, api.BadRequestf("write PATH=VALUE, such as customer.email=ann@example.com, not %q", line)
		}
		if set == nil {
			set = map[string]string{}
		}
		set[strings.TrimSpace(path)], args = strings.TrimSpace(value), append(args, line)
	}
	return set, args, nil
}

// setting is the change of data that a form asks for.
func setting(r *http.Request) (q api.ActRequest, args []string, err error) {
	set, args, err := values(r)
	if err != nil {
		return q, nil, err
	}
	q.Instance = r.FormValue("id")
	q.With, err = json.Marshal(set)
	return q, args, err
}

func (c *Console) askSet(r *http.Request) (*form, error) {
	id := r.FormValue("id")
	q, args, err := setting(r)
	f := &form{Ahead: true, Title: "Change data of " + id, Text: "All of the values, or none of them: they are held to the schema. A rule that holds then leads on.",
		Fields: []field{{Name: "set", Label: "Values", Type: "area", Hint: "a line for each: customer.email=ann@example.com; of a list by its index: lines.0.qty=2", Needed: true}},
		Button: "Change it", Reason: "the audit log keeps the reason of a change", Back: instancePage(id), Sure: written(r, "set")}
	if len(args) == 0 {
		args = []string{"PATH=VALUE"}
	}
	if f.Command = command(append([]string{"hub", "process", "set", id}, args...)...); f.Sure == "" {
		return f, nil
	}
	if err == nil {
		var would *api.Acted
		q.DryRun = true
		if would, _, err = api.PostChange.Ask(r.Context(), c.hub, query("by", byConsole), q); err == nil {
			if f.Changes = show.Changes(would.Change); len(f.Changes) == 0 {
				f.Changes = []string{"  nothing: the data have these values already"}
			}
		}
	}
	if err != nil {
		f.Refused, f.Sure = api.ProblemOf(err), ""
	}
	return f, nil
}

func (c *Console) set(r *http.Request, who url.Values) (string, error) {
	q, _, err := setting(r)
	if err != nil {
		return "", err
	}
	return c.steer(r, api.PostChange, who, q)
}

// askCall makes the form of a call by hand.
func (c *Console) askCall(r *http.Request) (*form, error) {
	id, op, body := r.FormValue("id"), r.PostFormValue("operation"), strings.TrimSpace(r.PostFormValue("body"))
	list, err := ask(c, r, api.GetAdapters, nil)
	if err != nil {
		return nil, err
	}
	ops := field{Name: "operation", Label: "Operation", Type: "choice", Needed: true}
	for _, a := range list {
		for _, name := range a.Operations {
			ops.Choices = append(ops.Choices, a.Adapter+"."+name)
		}
	}
	f := &form{Ahead: true, Title: "Call a partner for " + id, Fields: []field{ops, {Name: "body", Label: "Body", Type: "area", Hint: "as JSON"}}, Button: "Call", Danger: true,
		Text:   "The same operation with the same body is the same call of the instance: it is made once, also when it is asked twice. The answer is kept in the history.",
		Reason: "the audit log keeps the reason of a call", Back: instancePage(id), Command: command("hub", "process", "call", id, op, "--body", "request.json"), Sure: written(r, "operation", "body")}
	if f.Sure == "" {
		return f, nil
	}
	if body != "" && !json.Valid([]byte(body)) {
		f.Refused, f.Sure = api.BadRequestf("The body is no JSON."), ""
	}
	f.Facts = [][2]string{{"For", id}, {"Asks", op}, {"Body", words.OneLine(body, 2000)}}
	return f, nil
}

func (c *Console) call(r *http.Request, who url.Values) (string, error) {
	a, _, err := api.PostCall.Ask(r.Context(), c.hub, who, api.CallRequest{Instance: r.FormValue("id"), Operation: r.PostFormValue("operation"), Body: strings.TrimSpace(r.PostFormValue("body"))})
	if err != nil {
		return "", err
	}
	when := " answered "
	if a.Before {
		when = " was called before, and had answered "
	}
	return words.OneLine(a.Operation+when+a.Status+" "+words.JSON(a.Body), 500), nil
}
