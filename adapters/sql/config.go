package sql

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"orderhub/hub"
)

// Config is an entry of `adapters:` with `type: sql`.
type Config struct {
	URL       hub.Secret    `yaml:"url" required:"true" doc:"The database: postgres://user:password@host:5432/database. With ?sslmode=verify-full it is encrypted and its certificate checked."`
	Pool      Pool          `yaml:"pool" doc:"The connections, made when they are needed."`
	Timeout   time.Duration `yaml:"timeout" default:"5s" min:"1ms" max:"10m" doc:"Time for one statement, and for getting a connection."`
	MaxResult int64         `yaml:"max_result" unit:"bytes" default:"4MiB" min:"1KiB" max:"256MiB" doc:"Largest result of a call; more is rejected as too_large."`
	Ops       map[string]Op `yaml:"ops" doc:"Operations by name, each a map of query (a statement that only reads) or exec (one that changes), with :name where a value goes; one: true (one row, or null, in place of a list) or one: required (none is rejected as not_found); and timeout."`
	Create    string        `yaml:"create" doc:"File of statements that are run once at each start, before anything else, such as create table if not exists. Running them again must be harmless."`
	Tables    string        `yaml:"tables" default:"hub_" doc:"What the names of the hub's own tables begin with, hub_applied and hub_claims; with a schema: ops.hub_. Hubs that share work need the same."`
	Keep      time.Duration `yaml:"keep" default:"30d" min:"1h" doc:"How long it is remembered what was applied. What the hub sends again later than that is applied again."`
}

// Pool bounds the connections.
type Pool struct {
	Max int `yaml:"max" default:"8" min:"1" max:"1000" doc:"Connections at most. A source with notify has one more."`
}

// Op is an operation.
type Op struct {
	Query   string        `yaml:"query" doc:"A statement that only reads."`
	Exec    string        `yaml:"exec" doc:"A statement that changes."`
	One     One           `yaml:"one" doc:"One row in place of a list."`
	Timeout time.Duration `yaml:"timeout" min:"1ms" max:"10m" doc:"Time for this operation."`
}

// One says how many rows an operation gives.
type One string

const (
	oneRow   One = "true"     // the row, null when there is none
	required One = "required" // the row; none is an error
)

// UnmarshalText takes true, false and required.
func (o *One) UnmarshalText(text []byte) error {
	switch t := One(text); t {
	case oneRow, required:
		*o = t
	case "false":
		*o = ""
	default:
		return fmt.Errorf("%q is neither true nor required", text)
	}
	return nil
}

// SourceConfig are the options of `from: {sql-adapter: poll orders, …}`.
type SourceConfig struct {
	Where   string        `yaml:"where" doc:"Which rows are taken, as a condition of SQL: state = 'new'. Left out: all."`
	Done    string        `yaml:"done" required:"true" doc:"Statement that is run for a row once the hub owns it, with :column for its values. Behind it, where must no longer hold for the row."`
	ID      []string      `yaml:"id" default:"id" doc:"Columns that tell the row from all others, its primary key."`
	Key     string        `yaml:"key" doc:"Column of the ordering key. Rows of one key are handled one after another, also by several hubs."`
	Version string        `yaml:"version" doc:"Column that changes when the row is to be taken again: it becomes part of the message's ID. Left out: a row is one message for ever."`
	Order   []string      `yaml:"order" doc:"Columns that rows are taken in the order of. Left out: those of id."`
	Every   time.Duration `yaml:"every" default:"1s" min:"10ms" max:"1h" doc:"How often the table is looked at while there is little to do."`
	Notify  string        `yaml:"notify" doc:"Channel of NOTIFY that makes the source look at once. Looking every so often goes on."`
	Workers int           `yaml:"workers" default:"16" min:"1" max:"1000" doc:"Messages handled at once. Twice as many rows are taken ahead at most."`
}

// SendOptions are the options of `send: {sql-adapter: insert orders}`: there are none beside data.
type SendOptions struct{ _ bool }

const helpURL = "write postgres://user:password@host:5432/database; in user and password write %40 for @, %2F for /"

// parseURL reads where the database is. Its errors hold nothing of the text, which may have a password in it.
func parseURL(secret hub.Secret) (*pgxpool.Config, error) {
	u, err := url.Parse(secret.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("url is no PostgreSQL URL")
	}
	c, err := pgxpool.ParseConfig(secret.Reveal())
	if err != nil {
		return nil, fmt.Errorf("url can't be used: a part of it, or a certificate that it names, is not good")
	}
	return c, nil
}

// check finds what the tags can't, all of it.
func (c *Config) check(env *hub.Env) []hub.FieldFault {
	var faults hub.FieldFaults
	if c.URL != "" {
		if _, err := parseURL(c.URL); err != nil {
			faults.Add("url", helpURL, "%s", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ops)) {
		if _, at, help, err := compile(name, c.Ops[name]); err != nil {
			faults.Add("ops."+name+at, help, "op %q: %s", name, err)
		}
	}
	if c.Create != "" {
		if text, err := os.ReadFile(env.Path(c.Create)); err != nil {
			faults.Add("create", "write the path of a file, from the configuration's folder on", "create: %s can't be read", c.Create)
		} else if err := checkScript(string(text)); err != nil {
			faults.Add("create", "correct the file", "create: %s: %s", c.Create, err)
		}
	}
	if _, err := parseTable(c.Tables + "applied"); err != nil {
		faults.Add("tables", "write the beginning of a name, such as hub_ or ops.hub_", "tables: %s", err)
	}
	if c.Pool.Max < 1 {
		faults.Add("pool.max", "write a number from 1 on", "pool.max: %d is too few", c.Pool.Max)
	}
	if c.Timeout <= 0 {
		faults.Add("timeout", "write a time, such as 5s", "timeout: %s is too short", c.Timeout)
	}
	if c.Keep <= 0 {
		faults.Add("keep", "write a time, such as 30d", "keep: %s is too short", c.Keep)
	}

	return faults
}

// where is the condition of rows that wait.
func (c *SourceConfig) where() string { return cmp.Or(c.Where, "true") }
