package sql

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// unit is rows that are handled one after another: those of one key, or a
// single one. A claim is on a unit.
type unit struct {
	name string
	rows []row
	open int // rows that are not settled; at 0 the claim is given back
}

type row struct {
	msg  *hub.Message
	body doc.Value
}

// columnUnit is the column with the unit's name, behind those of the table.
const columnUnit = "hub_unit"

// fetchStatement claims rows that nobody has a claim on, and gives them. Its
// values: the table, who claims, rows at most, milliseconds of the claim. All
// of it sees one state of the database: a row that another hub is done with is
// seen as done, or still with its claim, which goes in the same transaction.
func fetchStatement(table, claims pgx.Identifier, c *SourceConfig) string {
	id := "(" + quoteAll("", c.ID) + ")::text"
	if len(c.ID) > 1 {
		id = "row(" + quoteAll("", c.ID) + ")::text"
	}
	name := "'i' || " + id
	if c.Key != "" {
		name = "coalesce('k' || (" + quote(c.Key) + ")::text, 'i' || " + id + ")"
	}
	var ids strings.Builder
	for _, n := range c.ID {
		ids.WriteString(" and r." + quote(n) + " is not null")
	}
	return fmt.Sprintf(`with pick as materialized (
	select r.* from (select *, left(%[1]s, 200) as %[2]s from %[3]s where (
%[4]s
)) r where not exists (select from %[5]s c where c.source = $1 and c.unit = r.%[2]s and (c.owner = $2 or c.until > now()))%[6]s
	order by %[7]s limit $3::bigint
), taken as (
	insert into %[5]s as c (source, unit, owner, until)
	select distinct $1, %[2]s, $2, now() + $4::bigint * interval '1 millisecond' from pick order by 2
	on conflict (source, unit) do update set owner = excluded.owner, until = excluded.until where c.until <= now()
	returning unit
)
select p.* from pick p join taken t on t.unit = p.%[2]s order by %[8]s`,
		name, columnUnit, table.Sanitize(), c.where(), claims.Sanitize(), ids.String(), quoteAll("r.", c.Order), quoteAll("p.", c.Order))
}

// look claims at most n rows. One hub at a time does so, so that none waits for claims that another is just making.
func (r *run) look(n int) (units []*unit, count int, err error) {
	s, err := r.a.acquire(r.ctx)
	if err != nil {
		return nil, 0, err
	}
	defer s.Release()
	defer s.rollback()
	p, err := s.prepare(r.ctx, r.fetch)
	if err != nil {
		return nil, 0, err
	}
	began := r.a.env.Clock.Now()
	out := rows{types: p.fields, room: 1 << 62}
	_, err = s.run(r.ctx, r.a.cfg.Timeout,
		step{sql: "begin isolation level read committed"}, // what is seen is of the time when the lock was had
		step{sql: "select pg_advisory_xact_lock(hashtextextended($1, 0))", values: texts("orderhub poll " + r.table)},
		step{r.fetch, texts(r.table, r.owner, strconv.Itoa(n), strconv.FormatInt(r.lease.Milliseconds(), 10)), out.read},
		step{sql: "commit"})
	if err != nil {
		return nil, 0, err
	}
	if r.busy() == 0 {
		r.hold(began) // the claims that are at work keep the older end
	}
	return r.unitsOf(out.list), len(out.list), nil
}

// unitsOf makes messages of rows.
func (r *run) unitsOf(list []doc.Value) (units []*unit) {
	byName := map[string]*unit{}
	for _, v := range list {
		name := v.Get(columnUnit).Str()
		u := byName[name]
		if u == nil {
			u = &unit{name: name}
			byName[name] = u
			units = append(units, u)
		}
		body := doc.Delete(v, []string{columnUnit})
		u.rows = append(u.rows, row{r.message(body), body})
		u.open++
	}
	return units
}

func (r *run) message(body doc.Value) *hub.Message {
	var parts []string
	for _, n := range r.cfg.ID {
		parts = append(parts, body.Get(n).Text())
	}
	if r.cfg.Version != "" {
		parts = append(parts, body.Get(r.cfg.Version).Text())
	}
	m := &hub.Message{ID: r.messageID(parts), Time: r.a.env.Clock.Now(), Body: hub.DocumentBody(body),
		Headers: hub.Headers{hub.HeaderContentType: "application/json", "sql.table": r.table}}
	if r.cfg.Key != "" {
		m.Key = body.Get(r.cfg.Key).Text()
	}
	return m
}

// extend renews our claims.
func (r *run) extend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.lease/3)
	defer cancel()
	began := r.a.env.Clock.Now()
	err := r.claims(ctx, fmt.Sprintf("update %s set until = now() + $3::bigint * interval '1 millisecond' where source = $1 and owner = $2", r.a.claims.Sanitize()),
		strconv.FormatInt(r.lease.Milliseconds(), 10))
	if err == nil {
		r.hold(began)
	}
	return err
}

// release gives all our claims back, and forgets those that somebody who died left behind long ago.
func (r *run) release(ctx context.Context) error {
	return r.claims(ctx, fmt.Sprintf("delete from %s where source = $1 and (owner = $2 or until < now() - interval '1 day')", r.a.claims.Sanitize()))
}

// claims changes our claims by a statement whose first values are the table and who claims.
func (r *run) claims(ctx context.Context, sql string, more ...string) error {
	s, err := r.a.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.Release()
	_, err = s.run(ctx, r.a.cfg.Timeout, step{sql: sql, values: texts(append([]string{r.table, r.owner}, more...)...)})
	return err
}
