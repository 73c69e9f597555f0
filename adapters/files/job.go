package files

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"orderhub/hub"
)

// job is one file from its claim until it is moved away. It ends when nothing of it is pending: its reader, and each record given out.
type job struct {
	*run
	own   *claims // nil with once
	name  string
	at    string // below the root; "" with once
	file  *os.File
	info  fs.FileInfo // as it was when it was opened
	ids   ids         // of its messages
	given int         // records that it gave, once it is read

	pending     atomic.Int64
	interrupted atomic.Bool // stays where it is, and is read again
	changed     atomic.Bool // the file is not what it was at its start
	refusals    refusals
}

// read gives all records of the file out. It returns before they are handled.
func (j *job) read() {
	j.pending.Store(1)
	defer j.release(1)
	if j.info.Size() == 0 {
		j.readEmpty()
		return
	}
	in := newInput(j.file, j.info)
	next := j.records(in)
	out := newFeeder(j)
	defer out.flush()
	for {
		body, line, err := next()
		j.given = out.record
		more := err == nil || refusesOne(err)
		switch {
		case more && j.ctx.Err() != nil: // only now it is known that there is more
			j.interrupted.Store(true)
			return
		case err == nil:
			if !out.add(body, line) {
				return
			}
		case in.err != nil:
			j.brokenOff(in.err)
			return
		case err == io.EOF:
			return
		default:
			j.refuseRecord(out.skip(), line, err)
			if !more {
				return
			}
		}
	}
}

// refusesOne tells that behind the record that err refuses there may be others.
func refusesOne(err error) bool {
	_, ok := errors.AsType[*hub.RecordError](err)
	return ok
}

func (j *job) readEmpty() {
	switch j.cfg.Empty {
	case emptyDeliver:
		out := newFeeder(j)
		out.add(hub.Body{}, 1)
		out.flush()
	case emptyFail:
		j.refuseRecord(newFeeder(j).skip(), 1, refusal("empty_file", nil, "the file is empty"))
	}
}

// brokenOff ends the reading of a file that could not be read to its end.
func (j *job) brokenOff(err error) {
	j.interrupted.Store(true)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		j.changed.Store(true)
		return
	}
	j.fail(classify(err, j.dir))
}

// refuseRecord refuses a record that gives no message. The hub keeps it under the ID that its message would have.
func (j *job) refuseRecord(id string, line int, err error) {
	code, text, raw := told(err, line)
	hub.RefuserOf(j.handler).Refused(hub.Refusal{ID: id, Class: hub.Invalid, Reason: code,
		Text: fmt.Sprintf("%s line %d: %s", j.name, line, text), Head: raw, Size: int64(len(raw))})
	j.refuse(line, code, text)
}

// refuse lists a record that is not taken; the others go on.
func (j *job) refuse(line int, reason, why string) {
	if j.own == nil {
		j.refusals.log(j, line, reason, why)
		return
	}
	list := path.Join(j.own.dir, "."+hub.HashID(j.name)+".errors")
	if werr := j.refusals.add(j.root, list, line, reason, why); werr != nil {
		j.interrupted.Store(true)
		j.fail(classify(werr, j.dir))
	}
}

// release says that n of what was pending is settled; the last one moves the file.
func (j *job) release(n int) {
	if j.pending.Add(-int64(n)) == 0 {
		j.finish()
	}
}

// finish closes the file and moves it where it belongs.
func (j *job) finish() {
	if now, err := j.file.Stat(); err != nil || !unchanged(now, j.info) {
		j.changed.Store(true)
	}
	_ = j.file.Close() // it was only read
	list, err := j.refusals.close()
	if err == nil && j.refusals.count > 0 {
		err = hub.RefuserOf(j.handler).Kept(j.work)
	}
	if err == nil && j.own != nil {
		err = j.settle(list)
	}
	if j.own == nil && j.refusals.count > 0 {
		j.env.Log.Warn("records refused", "file", j.name, "records", j.refusals.count)
	}
	if err != nil {
		j.fail(classify(err, j.dir))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.inFlight[j.name] == j { // else its namesake was claimed as soon as the file had moved away
		delete(j.inFlight, j.name)
	}
	if j.changed.Load() {
		j.run.changed[j.name], j.run.grown[j.name] = true, j.kept()
	}
}

// settle moves a claimed file to done or failed, or leaves it to be read again.
func (j *job) settle(list string) error {
	if j.changed.Load() || j.interrupted.Load() {
		if j.changed.Load() {
			j.env.Log.Warn("file changed while it was read, it is read again", "event", "file_changed", "file", j.name)
		}
		if list != "" {
			return j.root.Remove(list)
		}
		return nil
	}
	if list == "" {
		to, err := moveAway(j.root, j.at, j.cfg.Done, j.name, "")
		if err == nil {
			j.remember(to)
		}
		return err
	}
	to, err := moveAway(j.root, j.at, j.cfg.Failed, j.name, list)
	if err != nil {
		return err
	}
	j.remember(to)
	j.env.Log.Warn("file with refused records", "event", "records_refused", "file", to, "records", j.refusals.count)
	return nil
}

// refusals is the list of the records of one file that were not taken, a line for each. It grows on disk, not in memory.
type refusals struct {
	mu    sync.Mutex
	file  *os.File
	out   *bufio.Writer
	path  string
	count int
}

const loggedRefusals = 10

func (r *refusals) add(root *os.Root, path string, line int, reason, why string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		f, err := root.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
		if err != nil {
			return err
		}
		r.file, r.out, r.path = f, bufio.NewWriter(f), path
	}
	r.count++
	text := strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, why)
	_, err := fmt.Fprintf(r.out, "line %d: %s: %s\n", line, reason, text)
	return err
}

// log is add for a batch run, which writes nothing: the first few are logged.
func (r *refusals) log(j *job, line int, reason, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count++; r.count <= loggedRefusals {
		j.env.Log.Warn("record refused", "event", "record_refused", "file", j.name, "line", line, "reason", reason, "error", why)
	}
}

// close makes the list durable and returns its path, "" if nothing was refused.
func (r *refusals) close() (string, error) {
	if r.file == nil {
		return "", nil
	}
	err := r.out.Flush()
	if err == nil {
		err = r.file.Sync()
	}
	return r.path, cmp.Or(err, r.file.Close())
}
