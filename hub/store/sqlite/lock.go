package sqlite

import (
	"errors"
	"fmt"
	"io"
	"orderhub/hub/store/core"
	"os"
	"strconv"
	"strings"
)

var errLocked = errors.New("locked")

// lockPath makes path+".lock" this process's alone. The kernel releases it
// with the last descriptor, so any death of the process does. The file stays.
func lockPath(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); errors.Is(err, errLocked) {
		pid, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		return nil, core.Setupf("in use by process %s: stop that hub, or name another file for this one", strings.TrimSpace(string(pid)))
	} else if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
