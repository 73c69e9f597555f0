package files

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
)

// tail is the end of a file that records are added to, with its journal: a hidden file beside it, .NAME.added, that says which messages are
// in the file. The invariants:
//
//	A batch is written in two steps, each durable before the next: a line with its place, length, checksum and IDs into the journal, then its
//	records. Only then are its senders answered. So all batches of the journal but the last are whole in the file.
//	After a crash the last batch stays if its checksum is right; else what there is of it is cut off, and its senders come again.
//	A message whose ID is in the journal is in the file: it is not added again.
//	The lock on the file is held while it is open: two hubs can't write one file at once.
//
// The journal knows the last knownRecords messages at least, many more than are in flight. The file may be renamed or removed at any time, by
// who fetches it: the next record begins a new one, and the journal goes on.
type tail struct {
	name          string
	file, journal *os.File // nil: closed
	size          int64
	records, ids  []byte          // room for those of a batch
	known, older  map[string]bool // IDs of messages that are in the file; when known is full, it becomes older
}

const (
	knownRecords  = 10_000
	journalSuffix = ".added"
)

// batchLine is a line of the journal. off -1: the messages are in the file, or were in one before.
func batchLine(off int64, records, ids []byte) []byte {
	line := fmt.Appendf(make([]byte, 0, 50+len(ids)), "%d %d %08x", off, len(records), crc32.ChecksumIEEE(records))
	return append(append(line, ids...), '\n')
}

// add adds the records; those that can't be written get their error, all others are durable when it returns nil. After an error t must be
// forgotten: what it holds may not be what is on disk.
func (t *tail) add(root *os.Root, batch []record) error {
	if err := t.ready(root); err != nil {
		return err
	}
	records, ids := t.records[:0], t.ids[:0]
	for i := range batch {
		r := &batch[i]
		if t.known[r.id] || t.older[r.id] {
			continue
		}
		if t.size+int64(len(records)) == 0 {
			if r.raw, r.err = r.body.Format().Append(r.body, true); r.err != nil {
				continue
			}
		}
		records = append(records, r.raw...)
		ids = append(append(ids, ' '), r.id...)
		t.known[r.id] = true
	}
	t.records, t.ids = records, ids
	if len(records) == 0 {
		return nil
	}
	if _, err := t.journal.Write(batchLine(t.size, records, ids)); err != nil {
		return err
	}
	if err := t.journal.Sync(); err != nil {
		return err
	}
	if _, err := t.file.WriteAt(records, t.size); err != nil {
		return err
	}
	t.size += int64(len(records))
	return t.file.Sync()
}

// ready opens the file, and opens it again where its name stands for another one now, or it has changed.
func (t *tail) ready(root *os.Root) error {
	if t.file != nil {
		named, err := root.Lstat(t.name)
		open, bad := t.file.Stat()
		same := err == nil && bad == nil && os.SameFile(named, open) && open.Size() == t.size
		switch {
		case same && len(t.known) < knownRecords:
			return nil
		case same:
			t.known, t.older = t.older, t.known
			clear(t.known)
			return t.shorten(root)
		}
		t.close()
	}
	return t.open(root)
}

func (t *tail) open(root *os.Root) error {
	named, err := root.Lstat(t.name)
	if err == nil {
		err = regular(named)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hub.Fail(hub.Rejected, "not_regular_file", "file %s: %w", shown(t.name), err)
	}
	if t.file, err = root.OpenFile(t.name, os.O_RDWR|os.O_CREATE|openFlags, fileMode); err != nil {
		return err
	}
	if !lock(t.file) {
		return hub.Fail(hub.Unavailable, "file_locked", "file %s: another hub, or another adapter of this one, writes it", shown(t.name))
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	t.size = info.Size()
	if err := t.openJournal(root); err != nil {
		return err
	}
	clean := false
	if t.known == nil { // else this hub knows what is durable, in the file before
		raw, err := io.ReadAll(t.journal)
		if err != nil {
			return err
		}
		if clean, err = t.recover(raw); err != nil {
			return err
		}
	}
	if !clean {
		if err := t.shorten(root); err != nil {
			return err
		}
	}
	return syncDir(root, ".")
}

func (t *tail) openJournal(root *os.Root) (err error) {
	t.journal, err = root.OpenFile(t.journalName(), os.O_RDWR|os.O_CREATE|os.O_APPEND|openFlags, fileMode)
	return err
}

func (t *tail) journalName() string { return "." + t.name + journalSuffix }

// recover reads the journal, and cuts off what a crash left of its last batch. clean tells that the whole journal holds.
func (t *tail) recover(raw []byte) (clean bool, err error) {
	t.known, t.older = map[string]bool{}, map[string]bool{}
	lines := slices.Collect(strings.Lines(string(raw)))
	for i, line := range lines {
		off, n, sum, ids, ok := parseLine(line)
		if !ok { // the journal itself was cut: nothing of that batch was written
			return false, nil
		}
		if i == len(lines)-1 && off >= 0 {
			if whole, err := t.whole(off, n, sum); !whole || err != nil {
				return false, err
			}
		}
		for _, id := range ids {
			t.known[id] = true
		}
	}
	return true, nil
}

// whole tells that a batch is in the file, and makes it durable: a hub that died may not have come so far, and an fsync that failed is not
// told twice, so it is written again. Of one that is not, the part that is there is cut off; a file that ends before it or behind it has
// nothing of it: it is another one.
func (t *tail) whole(off, n int64, sum uint32) (bool, error) {
	if end := off + n; end <= t.size {
		raw := make([]byte, n)
		if _, err := t.file.ReadAt(raw, off); err != nil {
			return false, err
		}
		if crc32.ChecksumIEEE(raw) == sum {
			_, err := t.file.WriteAt(raw, off)
			return err == nil, cmp.Or(err, t.file.Sync())
		}
	}
	if off >= t.size || off+n < t.size {
		return false, nil
	}
	t.size = off
	return false, cmp.Or(t.file.Truncate(off), t.file.Sync())
}

func parseLine(line string) (off, n int64, sum uint32, ids []string, ok bool) {
	line, whole := strings.CutSuffix(line, "\n")
	f := strings.Split(line, " ")
	if !whole || len(f) < 3 {
		return 0, 0, 0, nil, false
	}
	off, err1 := strconv.ParseInt(f[0], 10, 64)
	n, err2 := strconv.ParseInt(f[1], 10, 64)
	crc, err3 := strconv.ParseUint(f[2], 16, 32)
	return off, n, uint32(crc), f[3:], cmp.Or(err1, err2, err3) == nil && n >= 0
}

// shorten writes the journal anew, with the IDs that are still known.
func (t *tail) shorten(root *os.Root) error {
	var ids []byte
	for _, known := range []map[string]bool{t.older, t.known} {
		for id := range known {
			ids = append(append(ids, ' '), id...)
		}
	}
	temp := tempPrefix + t.name + tempSuffix
	_ = root.Remove(temp) // of a hub that died here
	if err := write(root, temp, batchLine(-1, nil, ids)); err != nil {
		return err
	}
	t.journal.Close()
	return cmp.Or(root.Rename(temp, t.journalName()), t.openJournal(root))
}

// forget closes t; the journal says what is in the file when it is opened again.
func (t *tail) forget() {
	t.close()
	t.known, t.older = nil, nil
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
	if t.journal != nil {
		t.journal.Close()
	}
	t.file, t.journal = nil, nil
}
