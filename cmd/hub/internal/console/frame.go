package console

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/engine"
)

//go:embed templates
var templates embed.FS

// frame is what the layout shows around each page.
type frame struct {
	*view
	Status  *api.Status // of the hub; nil: it can't be told
	Dead    int         // dead letters of the hub
	Tasks   int         // open ones
	Said    string      // what an act before had to say
	Problem *api.Problem
	Who     api.Who
	barred  map[string]bool // paths of what they may not do
}

// sections are the entries of the menu: path, name, the key that leads there, and the pages that belong to it.
var sections = []struct{ Path, Name, Key, Pages string }{
	{"/", "Overview", "o", "overview"},
	{"/pipelines", "Pipelines", "p", "pipelines pipeline"},
	{"/messages", "Messages", "m", "messages message bodies"},
	{"/errors", "Errors", "e", "errors deadgroup dead"},
	{"/refusals", "Refusals", "r", "refusals refusal"},
	{"/processes", "Processes", "i", "processes process instance"},
	{"/tasks", "Tasks", "t", "tasks task"},
	{"/channels", "Channels", "c", "channels channel"},
	{"/tables", "Tables", "b", "tables table"},
	{"/adapters", "Adapters", "d", "adapters"},
	{"/alerts", "Alerts", "a", "alerts"},
	{"/try", "Try", "y", "try"},
	{"/config", "Configuration", "f", "config"},
	{"/system", "System", "s", "system"},
}

// frame is the view that l makes, in its frame. If it can't be made, the frame has the problem.
func (c *Console) frame(r *http.Request, l look) *frame {
	f := &frame{view: &view{Page: "problem", Title: "This can't be shown"}, Who: api.WhoOf(r.Context()), barred: c.barred(r)}
	st, err := ask(c, r, api.GetStatus, nil)
	if err != nil {
		f.Problem = api.ProblemOf(err)
		return f
	}
	f.Status = st
	for _, q := range st.Queues {
		f.Dead += q.Dead
	}
	for _, p := range st.Processes {
		f.Tasks += p.Tasks
	}
	v, err := l(r, st)
	if err != nil {
		f.Problem = api.ProblemOf(err)
		return f
	}
	f.view = v
	return f
}

// write writes the page, and gives its status.
func (f *frame) write(w io.Writer) int {
	t, known := parsed()[f.Page]
	if !known {
		panic("console: no template " + f.Page)
	}
	if err := t.ExecuteTemplate(w, "layout", f); err != nil {
		panic(err) // of our own templates: a test makes every page
	}
	if f.Problem != nil {
		return f.Problem.Status
	}
	if asked, ok := f.Data.(interface{ refused() *api.Problem }); ok && asked.refused() != nil {
		return asked.refused().Status
	}
	return http.StatusOK
}

// parsed are the templates of the pages, by their names. They are read when the first page is wanted.
var parsed = sync.OnceValue(func() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/parts.html"))
	out := map[string]*template.Template{}
	files, _ := templates.ReadDir("templates") // is embedded
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name != "layout" && name != "parts" {
			out[name] = template.Must(template.Must(shared.Clone()).ParseFS(templates, "templates/"+f.Name()))
		}
	}
	return out
})

// functions are what templates call.
var functions = template.FuncMap{
	"sections":  func() any { return sections },
	"belongs":   func(page, pages string) bool { return strings.Contains(" "+pages+" ", " "+page+" ") },
	"when":      when,
	"since":     since,
	"span":      words.Span,
	"between":   func(from, to time.Time) string { return words.Span(to.Sub(from)) },
	"took":      words.Took,
	"seconds":   func(s float64) string { return words.Took(time.Duration(s * float64(time.Second))) },
	"count":     count,
	"size":      size,
	"rate":      words.Rate,
	"plural":    words.Plural,
	"short":     words.OneLine,
	"document":  document,
	"cut":       func(text string) string { return hub.Clip(text, 2000) },
	"base":      words.Base,
	"place":     place,
	"pipeline":  engine.PipelineOf,
	"owner":     func(where string) string { name, _, _ := strings.Cut(where, "/"); return name },
	"hasPrefix": strings.HasPrefix,
	"join":      strings.Join,
	"command":   command,
	"changes":   show.Changes,
	"attention": func(a api.Attention) string { return attentionPage(&a) },
	"hit":       func(h api.Hit) string { return hitPage(&h) },
	"late":      func(t time.Time) bool { return !t.IsZero() && time.Since(t) > 0 },
}

// since is how long something lasts that began then, with the exact time on hover.
func since(t time.Time) template.HTML { return clock(t, words.Span(time.Since(t))) }

// when is a time as people say it, from now, with the exact one on hover.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	text := "just now"
	switch d := time.Until(t); {
	case d >= time.Second:
		text = "in " + words.Span(d)
	case d <= -time.Second:
		text = words.Span(-d) + " ago"
	}
	return clock(t, text)
}

// clock is a time by a text, with the exact one on hover.
func clock(t time.Time, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.UTC().Format(time.RFC3339Nano), t.Local().Format("2 Jan 2006 15:04:05.000 MST"), text)) // times and our own words
}

// count is a number with its thousands set apart.
func count(n any) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// size is a number of bytes in its largest unit.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	digits := 0
	if i > 0 && f < 100 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + "\u00a0" + units[i]
}

// document is a body as people read it: JSON indented, a text as it is.
func document(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// command is a command line, each word as a shell takes it.
func command(args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = words.Quoted(a)
	}
	return strings.Join(quoted, " ")
}

// attentionPage is the page that shows more of what needs attention.
func attentionPage(a *api.Attention) string {
	switch a.What {
	case "alert":
		return "/alerts"
	case "late":
		return "/tasks"
	case "stuck":
		return instancePage(a.Process + "/" + a.Instance)
	}
	if name, ok := strings.CutPrefix(a.Of, "queue "); ok {
		return "/channel?" + query("name", name).Encode()
	}
	if strings.HasPrefix(a.Of, "adapter ") {
		return "/adapters"
	}
	return "/system"
}

// hitPage is the page that shows more of what a search found.
func hitPage(h *api.Hit) string {
	switch h.Kind {
	case "refused":
		return "/refusal?" + query("id", h.ID).Encode()
	case "process":
		return instancePage(h.Where + "/" + h.Order)
	case "table":
		return "/table?" + query("name", h.Where).Encode()
	}
	return "/message?" + query("id", cmp.Or(h.Order, h.ID)).Encode()
}
