package stub

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// record is a line of the ledger's file: an effect with its remembered answer, or an arrival that changed nothing.
type record struct {
	Effect
	Arrival bool   `json:"arrival,omitempty"` // Key is that of the scope, then
	Refused bool   `json:"refused,omitempty"` // an arrival whose key was reused: counted, but no repeat of the effect
	Hash    digest `json:"hash,omitzero"`
	Status  int    `json:"status,omitempty"`
	Answer  string `json:"answer,omitempty"`
	Raw     []byte `json:"raw,omitempty"`

	number int // of a mail, from 1
}

// journal is the append-only NDJSON file of a ledger. One write call per line: what was written survives the death of the
// process at any instant (a power cut may take the last lines: it does not fsync).
type journal struct {
	file *os.File
	size int64
}

// openJournal gives every complete line to read, cuts an incomplete last one off, and keeps the file locked until close.
func openJournal(path string, read func(*record)) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	err = lockFile(f)
	if err == nil {
		j.size, err = readLines(f, read)
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
func readLines(file io.Reader, read func(*record)) (end int64, err error) {
	buffered := bufio.NewReaderSize(file, 1<<16)
	for n := 1; ; n++ {
		text, err := buffered.ReadBytes('\n')
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		r := new(record)
		if err := json.Unmarshal(text, r); err != nil {
			return end, fmt.Errorf("line %d: %w", n, err)
		}
		read(r)
		end += int64(len(text))
	}
}

func (j *journal) write(r *record) error {
	if j.file == nil {
		return fmt.Errorf("write ledger: %w", os.ErrClosed)
	}
	text := append(mustJSON(r), '\n')
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
