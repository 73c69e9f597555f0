package files

import (
	"io/fs"
	"os"
	"strconv"
	"time"
)

// A file may grow after it was claimed, as its writer still has it open: while it is read, or when it lies in done already. It is read
// again then, and its records keep the IDs that they had, so that the hub takes none of them twice: all but the last one, which may have
// been cut in the middle.

// ids are those of the messages of a file: what its content is called, a dot, and the number of the record.
type ids struct {
	base string
	kept []kept // of what the file was before it grew, the shortest first
}

// kept are the IDs of records that a file had when it was shorter.
type kept struct {
	base string
	size int64 // of the file then
	upto int   // records whose numbers are less
}

// of is what the ID of record n begins with, and how many records from n on have it; 0: all.
func (i *ids) of(n int) (base string, most int) {
	for _, k := range i.kept {
		if n < k.upto {
			return k.base, k.upto - n
		}
	}
	return i.base, 0
}

// id is the ID of record n.
func (i *ids) id(n int) string {
	base, _ := i.of(n)
	return base + "." + strconv.Itoa(n)
}

// kept are the IDs that the file's records keep if it grows now.
func (j *job) kept() []kept {
	if j.given < 2 { // the last one is not kept
		return j.ids.kept
	}
	return append(j.ids.kept[:len(j.ids.kept):len(j.ids.kept)], kept{j.ids.base, j.info.Size(), j.given})
}

// settled is a file that was moved away.
type settled struct {
	name, at string
	info     fs.FileInfo
	kept     []kept
	until    time.Time // nobody looks at it any longer
}

const (
	lookBackFor  = time.Minute // at least, at files that were moved away
	mostSettled  = 1000        // that are looked at
	openedStable = 60          // times as long as others, a file that is open to write must stay as it is
)

// remember has the file looked at for some time more.
func (j *job) remember(at string) {
	until := j.env.Clock.Now().Add(max(lookBackFor, openedStable*j.cfg.Stable))
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.settled) == mostSettled {
		j.settled = j.settled[1:]
	}
	j.settled = append(j.settled, settled{j.name, at, j.info, j.kept(), until})
}

// lookBack claims files again that grew after they were moved away.
func (s *scan) lookBack() {
	s.mu.Lock()
	files := s.settled
	s.settled = nil
	s.mu.Unlock()
	now := s.env.Clock.Now()
	var still []settled
	for _, f := range files {
		info, err := s.root.Lstat(f.at)
		switch {
		case err != nil || !os.SameFile(info, f.info) || now.After(f.until):
			continue
		case info.Size() > f.info.Size() && s.own.claim(f.at, f.name) == nil:
			s.env.Log.Warn("file grew after it was read, it is read again", "event", "file_grew", "file", f.name)
			s.mu.Lock()
			s.changed[f.name], s.grown[f.name] = true, f.kept
			s.mu.Unlock()
		default: // or its namesake is being read
			still = append(still, f)
		}
	}
	s.mu.Lock()
	s.settled = append(still, s.settled...)
	s.mu.Unlock()
}

// written tells that a program has the file open to write, as far as the system can tell.
func (s *scan) written(name string) bool {
	f, err := s.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return openToWrite(f)
}
