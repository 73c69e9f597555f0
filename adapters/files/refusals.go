package files

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
)

// refusals is the list of the records of one file that were not taken, a line for each. It grows on disk, not in memory.
type refusals struct {
	mu    sync.Mutex
	file  *os.File
	out   *bufio.Writer
	path  string
	count int
}

const loggedRefusals = 10

func (r *refusals) add(root *os.Root, path string, line int, reason string, why error) error {
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
	}, why.Error())
	_, err := fmt.Fprintf(r.out, "line %d: %s: %s\n", line, reason, text)
	return err
}

// log is add for a batch run, which writes nothing: the first few are logged.
func (r *refusals) log(j *job, line int, reason string, why error) {
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
	if cerr := r.file.Close(); err == nil {
		err = cerr
	}
	return r.path, err
}
