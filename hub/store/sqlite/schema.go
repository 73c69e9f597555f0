package sqlite

import (
	"errors"
	"fmt"
	"orderhub/hub/store"
	"os"
	"path/filepath"
)

const (
	applicationID = 0x6f687562 // "ohub"
	schemaVersion = 9
)

// A row of messages is in the index of its state, and in those by which people find it.
const schema = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE queues(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE messages(
	seq INTEGER PRIMARY KEY, -- order of a queue, never used twice
	queue INTEGER NOT NULL,
	state INTEGER NOT NULL,  -- 1 ready, 2 waiting, 3 held, 4 dead
	key TEXT, id TEXT NOT NULL, corr TEXT,
	crc INTEGER NOT NULL,    -- CRC32C of queue, key, id, corr, head and body
	head BLOB,               -- time, expiry, headers, variables: encode.go
	body BLOB,
	attempts INTEGER, crashes INTEGER,
	due INTEGER,             -- waiting: nanoseconds from when on; dead: since when
	name TEXT, error TEXT,
	cause TEXT);             -- waiting: what for; dead: the group
CREATE INDEX ready ON messages(queue, seq) WHERE state=1;
CREATE INDEX waiting ON messages(queue, due, seq) WHERE state=2;
CREATE INDEX awaiting ON messages(cause, queue, due) WHERE state=2 AND cause IS NOT NULL;
CREATE INDEX retrying ON messages(queue, key) WHERE state=2 AND (error IS NOT NULL OR attempts>0);
CREATE INDEX held ON messages(queue, key, seq) WHERE state=3;
CREATE INDEX dead ON messages(cause, due, seq, queue, state) WHERE state=4; -- state: so that it covers
CREATE INDEX ids ON messages(id) WHERE state<>1;
CREATE INDEX correlations ON messages(corr) WHERE state<>1 AND corr IS NOT NULL;
CREATE UNIQUE INDEX named ON messages(queue, name) WHERE name IS NOT NULL;
CREATE TABLE records(kind TEXT, key TEXT, version INTEGER NOT NULL, crc INTEGER NOT NULL,
	value BLOB, expires INTEGER, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE INDEX expiring_records ON records(expires) WHERE expires IS NOT NULL;
CREATE TABLE states(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, crc INTEGER NOT NULL,
	value BLOB, expires INTEGER, UNIQUE(kind, key)); -- records of kinds that hold documents: sqlOf
CREATE INDEX expiring_states ON states(expires) WHERE expires IS NOT NULL;
CREATE TABLE counters(kind TEXT, key TEXT, value INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE TABLE history(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, root TEXT NOT NULL, corr TEXT,
	outside INTEGER, until INTEGER, -- of a unit with a Keep: from when on it is swept
	events BLOB NOT NULL); -- core/events.go
CREATE INDEX history_until ON history(until) WHERE until IS NOT NULL;
CREATE TABLE places(id INTEGER PRIMARY KEY, text TEXT NOT NULL); -- of events: pipeline/step, file:line and what happened
CREATE INDEX history_root ON history(root);
CREATE INDEX history_corr ON history(corr) WHERE corr IS NOT NULL;
CREATE TABLE refused(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, id TEXT NOT NULL, corr TEXT,
	source TEXT NOT NULL, reason TEXT NOT NULL, value BLOB NOT NULL); -- a hub.Refusal in JSON
CREATE INDEX refused_id ON refused(id);
CREATE INDEX refused_corr ON refused(corr) WHERE corr IS NOT NULL;
CREATE INDEX refused_kind ON refused(source, reason, seq);
CREATE TABLE links(root TEXT, seq INTEGER, PRIMARY KEY(root, seq)) WITHOUT ROWID; -- roots that a row of history links to
CREATE INDEX links_seq ON links(seq);
CREATE TABLE terms(part INTEGER, term INTEGER, seq INTEGER, PRIMARY KEY(part, term, seq)) WITHOUT ROWID; -- hashes that a row of history is found by: core/find.go
`

// openWriter opens the file, makes it when it is new, and refuses what is not
// a store of this version.
func openWriter(path string) (*conn, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	c, err := openConn(path, "busy_timeout=5000", "page_size=4096", "auto_vacuum=INCREMENTAL", "journal_mode=WAL",
		"synchronous=FULL", "wal_autocheckpoint=0", "journal_size_limit=67108864", "cache_size=-8192",
		"temp_store=MEMORY", "foreign_keys=OFF", "cell_size_check=ON")
	if err != nil {
		return nil, err
	}
	if err := migrate(c, true); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// migrate makes the tables of a file that has none, if it may, and refuses what is not a store of this version.
func migrate(c *conn, create bool) error {
	app, err := c.number("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	switch {
	case err != nil:
		return err
	case tables == 0 && version == 0 && create:
		return c.script(fmt.Sprintf("BEGIN IMMEDIATE;%s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", schema, applicationID, schemaVersion))
	case app != applicationID:
		return store.Setupf("this SQLite file was not made by the hub; name another file")
	case version < schemaVersion:
		return store.Setupf("store schema %d is older than this binary's (%d), which does not read it: run the hub that made it, or name another file", version, schemaVersion)
	case version > schemaVersion:
		return store.Setupf("store schema %d is newer than this binary (max %d): run the newer hub, restore the backup from before it ran, or name another file", version, schemaVersion)
	}
	return nil
}

func openReader(path string) (*conn, error) {
	return openConn(path, "busy_timeout=5000", "query_only=ON", "cache_size=-1024", "temp_store=MEMORY", "mmap_size=0")
}
