package postgres

import (
	"context"
	"fmt"
	"hash/crc32"
	"orderhub/hub/store"

	"github.com/jackc/pgx/v5"
)

const postgresVersion = 8

// The tables of schema.go, with what several hubs need. Names of messages and
// records are bytea: they come from outside, and may hold what text may not.
// Times are nanoseconds of a hub's clock; leases are of the database's clock.
const postgresSchema = `
CREATE TABLE meta(key text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE hubs(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, expires timestamptz NOT NULL);
CREATE TABLE writers(hub bigint PRIMARY KEY, batch bigint NOT NULL) WITH (fillfactor=10); -- the last transaction of each hub
CREATE TABLE queues(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE,
	owner bigint,      -- the hub that has the lease
	epoch bigint NOT NULL DEFAULT 0, -- counts the leases: fencing
	expires timestamptz,
	wanted bigint) WITH (fillfactor=50); -- a hub that has fewer leases
CREATE SEQUENCE numbers; -- of messages, history and record versions, never used twice
CREATE TABLE messages(
	seq bigint PRIMARY KEY, queue bigint NOT NULL,
	state smallint NOT NULL, -- 1 ready, 2 waiting, 3 held, 4 dead
	key bytea, id bytea NOT NULL, corr bytea,
	crc bigint NOT NULL,     -- CRC32C of queue, key, id, corr, head and body
	head bytea NOT NULL, body bytea NOT NULL,
	attempts integer NOT NULL DEFAULT 0, crashes integer NOT NULL DEFAULT 0,
	due bigint NOT NULL DEFAULT 0, -- waiting: from when on; dead: since when
	name bytea, error text, cause text) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
ALTER TABLE messages ALTER body SET STORAGE EXTERNAL;
CREATE INDEX ready ON messages(queue, seq) WHERE state=1;
CREATE INDEX waiting ON messages(queue, due, seq) WHERE state=2;
CREATE INDEX awaiting ON messages(cause, queue, due) WHERE state=2 AND cause IS NOT NULL;
CREATE INDEX waiting_keys ON messages(queue, key, seq) WHERE state=2 AND key IS NOT NULL;
CREATE INDEX held ON messages(queue, key, seq) WHERE state=3;
CREATE INDEX dead ON messages(cause, due, seq, queue) WHERE state=4;
CREATE INDEX ids ON messages(id);
CREATE INDEX correlations ON messages(corr) WHERE corr IS NOT NULL;
CREATE UNIQUE INDEX named ON messages(queue, name) WHERE name IS NOT NULL;
CREATE TABLE records(kind text COLLATE "C", key bytea, version bigint NOT NULL, crc bigint NOT NULL, value bytea NOT NULL,
	expires bigint, PRIMARY KEY(kind, key)) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX expiring ON records(expires) WHERE expires IS NOT NULL;
CREATE TABLE counters(kind text COLLATE "C", key bytea, value bigint NOT NULL, PRIMARY KEY(kind, key)) WITH (fillfactor=50);
CREATE TABLE history(seq bigint PRIMARY KEY, time bigint NOT NULL, root bytea NOT NULL, corr bytea,
	outside boolean NOT NULL, events bytea NOT NULL, -- core/events.go
	until bigint) -- of a unit with a Keep: from when on it is swept
	WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);
CREATE INDEX history_until ON history(until) WHERE until IS NOT NULL;
CREATE TABLE places(id bigint PRIMARY KEY, text bytea NOT NULL); -- of events: pipeline/step, file:line and what happened
CREATE INDEX history_root ON history(root);
CREATE INDEX history_corr ON history(corr) WHERE corr IS NOT NULL;
CREATE TABLE refused(seq bigint PRIMARY KEY, time bigint NOT NULL, id bytea NOT NULL, corr bytea,
	source bytea NOT NULL, reason bytea NOT NULL, value bytea NOT NULL); -- a hub.Refusal in JSON
CREATE INDEX refused_id ON refused(id);
CREATE INDEX refused_corr ON refused(corr) WHERE corr IS NOT NULL;
CREATE INDEX refused_kind ON refused(source, reason, seq);
CREATE TABLE links(root bytea, seq bigint, PRIMARY KEY(root, seq)) -- roots that a row of history links to
	WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);
CREATE INDEX links_seq ON links(seq);
CREATE TABLE terms(part bigint, term bigint, seq bigint, PRIMARY KEY(part, term, seq)) -- hashes that a row of history is found by: core/find.go
	WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);
`

// migrate makes the tables when they are missing. Hubs that start at once do
// it one after another.
func (s *Store) migrate(ctx context.Context, c *pgx.Conn) error {
	lock := int64(crc32.ChecksumIEEE([]byte(s.schema))) | 0x6f687562<<32 // "ohub"
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
		return err
	}
	var version *int64
	var tables int
	err = tx.QueryRow(ctx, `SELECT count(*) FROM pg_class r JOIN pg_namespace n ON n.oid=r.relnamespace
		WHERE n.nspname=$1 AND r.relkind IN ('r','p','v','S')`, s.schema).Scan(&tables)
	if err != nil {
		return err
	}
	if tables == 0 {
		if err := s.create(ctx, tx); err != nil {
			return err
		}
		return tx.Commit(ctx)
	}
	err = tx.QueryRow(ctx, "SELECT (SELECT value FROM meta WHERE key='schema')").Scan(&version)
	switch {
	case err != nil && !broken(err):
		return err
	case err != nil || version == nil:
		return store.Setupf("this schema was not made by the hub; name another one in the URL: search_path=name")
	case *version < postgresVersion:
		return store.Setupf("store schema %d is older than this binary's (%d), which does not read it: run the hub that made it, or name another schema in the URL: search_path=name", *version, postgresVersion)
	case *version > postgresVersion:
		return store.Setupf("store schema %d is newer than this binary (max %d): run the newer hub, restore the backup from before it ran, or name another schema in the URL: search_path=name", *version, postgresVersion)
	}
	return nil
}

func (s *Store) create(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS(SELECT 1 FROM pg_namespace WHERE nspname=$1)", s.schema).Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{s.schema}.Sanitize()); err != nil {
			return fmt.Errorf("make schema %s: %w", s.schema, err)
		}
	}
	if _, err := tx.Exec(ctx, postgresSchema, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO meta VALUES('schema', $1)", postgresVersion)
	return err
}
