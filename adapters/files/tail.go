package files

import (
	"bytes"
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
//	A batch is written in two steps, each durable before the next: its records' IDs, lengths and checksums into the journal, then its records.
//	Only then are its senders answered. So all batches of the journal but the last are whole in the file.
//	After a crash the records of the last batch that are whole by their checksums stay; what is behind them was begun, and is cut off.
//	A message whose ID is in the journal is in the file: it is not added again.
//	The lock on the journal is held while the file is open: two hubs can't write one file at once.
//
// The journal knows the last knownRecords messages, many more than are in flight. The file may be renamed or removed at any time, by who
// fetches it: the next record begins a new one, and the journal goes on.
type tail struct {
	name          string
	file, journal *os.File // nil: closed
	size          int64
	known         map[string]bool
	order         []string // of known, oldest first
}

const (
	knownRecords  = 10_000
	journalSuffix = ".added"
)

// entry is a line of the journal: a message that is in the file.
type entry struct {
	id  string
	off int64 // where its record begins; -1: in the file before, or further back than needs to be looked at
	len int64
	sum uint32
}

func (e entry) line() string { return fmt.Sprintf("%d %d %08x %s\n", e.off, e.len, e.sum, e.id) }

// add adds the records; those that can't be written get their error, all others are durable when it returns nil. After an error t is closed:
// what it holds may not be what is on disk.
func (t *tail) add(root *os.Root, batch []*addition) error {
	if err := t.ready(root); err != nil {
		return err
	}
	var records []byte
	lines := []byte("\n") // a batch begins with a blank line
	for _, r := range batch {
		if t.known[r.id] {
			continue
		}
		line, end := r.line, t.size+int64(len(records))
		if end == 0 {
			if line, r.err = r.format.Append(r.value, true); r.err != nil {
				continue
			}
		}
		e := entry{id: r.id, off: end, len: int64(len(line)), sum: crc32.ChecksumIEEE(line)}
		records, lines = append(records, line...), append(lines, e.line()...)
		t.know(r.id)
	}
	if len(records) == 0 {
		return nil
	}
	if _, err := t.journal.Write(lines); err != nil {
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

func (t *tail) know(id string) {
	t.known[id] = true
	t.order = append(t.order, id)
}

// ready opens the file, and opens it again where its name stands for another one now, or it has changed.
func (t *tail) ready(root *os.Root) error {
	if t.file != nil {
		named, err := root.Lstat(t.name)
		open, bad := t.file.Stat()
		same := err == nil && bad == nil && os.SameFile(named, open) && open.Size() == t.size
		switch {
		case same && len(t.order) < 2*knownRecords:
			return nil
		case same:
			return t.shorten(root)
		}
		t.close()
	}
	err := t.open(root)
	if err != nil {
		t.close()
	}
	return err
}

func (t *tail) open(root *os.Root) error {
	named, err := root.Lstat(t.name)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = regular(named)
	}
	if err != nil && !fresh {
		return hub.Fail(hub.Rejected, "not_regular_file", "file %s: %w", shown(t.name), err)
	}
	if t.file, err = root.OpenFile(t.name, os.O_RDWR|os.O_CREATE|openFlags, fileMode); err != nil {
		return err
	}
	if !lock(t.file) {
		return hub.Fail(hub.Unavailable, "file_locked", "file %s: another hub, or another adapter of this one, writes it", shown(t.name))
	}
	if err := t.openJournal(root); err != nil {
		return err
	}
	raw, err := io.ReadAll(t.journal)
	if err != nil {
		return err
	}
	clean, err := t.recover(raw, fresh)
	if err == nil && !clean {
		err = t.shorten(root)
	}
	return cmp.Or(err, syncDir(root, "."))
}

func (t *tail) openJournal(root *os.Root) (err error) {
	t.journal, err = root.OpenFile(t.journalName(), os.O_RDWR|os.O_CREATE|os.O_APPEND|openFlags, fileMode)
	return err
}

func (t *tail) journalName() string { return "." + t.name + journalSuffix }

// recover reads the journal, and cuts off what a crash left behind the last whole record. clean tells that all that the journal says holds,
// and that it is not too long.
func (t *tail) recover(raw []byte, fresh bool) (clean bool, err error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	t.size, t.known, t.order = info.Size(), map[string]bool{}, nil
	before, last, clean := entries(raw)
	for _, e := range before {
		t.know(e.id)
	}
	clean = clean && len(before)+len(last) < 2*knownRecords
	for _, e := range last {
		whole, err := t.whole(e)
		if err != nil {
			return false, err
		}
		if whole && !fresh {
			t.know(e.id)
			continue
		}
		if end := last[len(last)-1]; e.off < t.size && t.size <= end.off+end.len { // else the file is another one, or has nothing of the rest
			t.size = e.off
			return false, cmp.Or(t.file.Truncate(e.off), t.file.Sync())
		}
		return false, nil
	}
	return clean, nil
}

// whole tells that the record of e is in the file.
func (t *tail) whole(e entry) (bool, error) {
	if e.off < 0 || e.off+e.len > t.size {
		return false, nil
	}
	raw := make([]byte, e.len)
	_, err := t.file.ReadAt(raw, e.off)
	return crc32.ChecksumIEEE(raw) == e.sum, err
}

// entries are those of the last batch of a journal, and those before. clean tells that each line is one.
func entries(raw []byte) (before, last []entry, clean bool) {
	clean = true
	for line := range bytes.Lines(raw) {
		if len(line) == 1 {
			before, last = append(before, last...), nil
			continue
		}
		if e, ok := parseEntry(string(line)); ok {
			last = append(last, e)
		} else {
			clean = false // its batch was not whole: nobody was answered
		}
	}
	return before, last, clean
}

func parseEntry(line string) (e entry, ok bool) {
	line, whole := strings.CutSuffix(line, "\n")
	f := strings.Split(line, " ")
	if !whole || len(f) != 4 {
		return e, false
	}
	off, err1 := strconv.ParseInt(f[0], 10, 64)
	size, err2 := strconv.ParseInt(f[1], 10, 64)
	sum, err3 := strconv.ParseUint(f[2], 16, 32)
	return entry{f[3], off, size, uint32(sum)}, cmp.Or(err1, err2, err3) == nil && size >= 0
}

// shorten writes the journal anew, with the IDs that are still needed: all are in the file, or were in one before.
func (t *tail) shorten(root *os.Root) error {
	if drop := len(t.order) - knownRecords; drop > 0 {
		t.order = slices.Clone(t.order[drop:])
	}
	t.known = map[string]bool{}
	var text bytes.Buffer
	for _, id := range t.order {
		t.known[id] = true
		text.WriteString(entry{id: id, off: -1}.line())
	}
	text.WriteString("\n") // none of them is of a batch that may not be whole
	temp := tempPrefix + t.name + tempSuffix
	_ = root.Remove(temp) // of a hub that died here
	if err := write(root, temp, text.Bytes()); err != nil {
		return err
	}
	t.journal.Close()
	return cmp.Or(root.Rename(temp, t.journalName()), t.openJournal(root))
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
