package stub

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// line is one record of the ledger's file: an effect with its remembered answer, or an arrival that changed nothing.
type line struct {
	Effect
	Arrival bool   `json:"arrival,omitempty"`
	Refused bool   `json:"refused,omitempty"` // an arrival whose key was reused: counted, but no repeat of the effect
	Hash    string `json:"hash,omitempty"`
	Status  int    `json:"status,omitempty"`
	Answer  string `json:"answer,omitempty"`
	Raw     []byte `json:"raw,omitempty"`
}

func lineOf(e *entry) line {
	return line{Effect: e.Effect, Hash: hex.EncodeToString(e.hash[:]), Status: e.status, Answer: string(e.answer), Raw: e.raw}
}

// journal is the append-only NDJSON file of a ledger. One write call per line: what was written survives the death of the
// process at any instant (a power cut may take the last lines: it does not fsync).
type journal struct {
	file *os.File
	size int64
}

// openJournal gives every complete line to reload, cuts an incomplete last one off, and keeps the file locked until close.
func openJournal(path string, reload func(line) error) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	err = lockFile(f)
	if err == nil {
		j.size, err = readLines(f, reload)
	}
	if err == nil {
		err = f.Truncate(j.size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// readLines reads to the last complete line and gives its end.
func readLines(r io.Reader, reload func(line) error) (end int64, err error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		text, err := buffered.ReadBytes('\n')
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		var li line
		if err = json.Unmarshal(text, &li); err == nil {
			err = reload(li)
		}
		if err != nil {
			return end, fmt.Errorf("line %d: %w", n, err)
		}
		end += int64(len(text))
	}
}

func (j *journal) write(li line) error {
	if j.file == nil {
		return fmt.Errorf("write ledger: %w", os.ErrClosed)
	}
	text := append(mustJSON(li), '\n')
	n, err := j.file.WriteAt(text, j.size)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, j.file.Truncate(j.size))
		}
		return fmt.Errorf("write ledger: %w", err)
	}
	j.size += int64(n)
	return nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	f := j.file
	j.file = nil
	return f.Close()
}

// reload applies one line of the file to the empty ledger.
func (l *Ledger) reload(li line) error {
	sc := scope{li.Service, li.Key}
	if !li.Arrival {
		e := &entry{Effect: li.Effect, status: li.Status, answer: []byte(li.Answer), raw: li.Raw}
		if n, err := hex.Decode(e.hash[:], []byte(li.Hash)[:min(len(li.Hash), 32)]); err != nil || n != len(e.hash) {
			return fmt.Errorf("hash %q is not 32 hex digits", li.Hash)
		}
		l.add(e)
		return nil
	}
	l.arrivals[opKey{li.Service, li.Op}]++
	switch e := l.keys[sc]; {
	case li.Key == "" || li.Refused:
	case e != nil:
		e.Arrivals++
	default:
		l.tries[sc]++
	}
	return nil
}
