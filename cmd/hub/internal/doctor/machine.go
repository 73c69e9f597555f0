package doctor

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
)

// Below these a disk is told to be nearly full. The hub itself stops taking messages at its reserve.
const (
	freeSoon  = 2 << 30 // bytes; of a smaller disk: its 10th part
	filesSoon = 10_000  // files that can still be made
)

// disk looks at the disk that the store's file lies on.
func (d *diagnosis) disk(ctx context.Context) {
	const name, do = "disk", "free some space, or put hub.store onto a larger disk"
	file := d.file()
	if file == "" {
		d.add(name, api.Well, "", "the store is not on a disk of this machine")
		return
	}
	dir := filepath.Dir(file)
	for !config.Exists(dir) { // hub run makes it
		dir = filepath.Dir(dir)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		d.add(name, api.Unknown, "", "%s can't be asked: %v", dir, err)
		return
	}
	free, all := uint64(st.Bavail)*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	var room error
	if d.Patient.Store != nil {
		room = d.Patient.Store.Room(ctx)
	}
	switch {
	case syscall.Access(dir, 2) != nil: // W_OK
		d.add(name, api.Broken, "give the folder to the user that runs the hub", "%s can't be written to", dir)
	case room != nil:
		d.add(name, api.Broken, do, "%v", room)
	case st.Files > 0 && st.Ffree < filesSoon:
		d.add(name, api.Soon, "remove files from the disk of "+dir, "only %d files can still be made on the disk of %s", st.Ffree, dir)
	case free < min(freeSoon, all/10):
		d.add(name, api.Soon, do, "%d of %d MiB are free at %s", free>>20, all>>20, dir)
	default:
		d.add(name, api.Well, "", "%d of %d MiB are free at %s", free>>20, all>>20, dir)
	}
}

// filesLeast is what a hub with one server of 1,000 connections (the default of http-server) takes, with its store and its far ends, twice over.
const filesLeast = 4096

// files looks at how many files and connections the process may have open.
func (d *diagnosis) files() {
	const name, do = "open files", "ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd"
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		d.add(name, api.Unknown, "", "the limit can't be asked: %v", err)
		return
	}
	open, err := os.ReadDir("/proc/self/fd")
	used := ""
	if err == nil && d.Runs != "" {
		used = "; " + strconv.Itoa(len(open)) + " are open"
	}
	switch limit := uint64(l.Cur); {
	case used != "" && uint64(len(open)) > limit/5*4:
		d.add(name, api.Broken, do, "at most %d%s", limit, used)
	case limit < filesLeast:
		d.add(name, api.Soon, do, "at most %d, connections among them%s", limit, used)
	default:
		d.add(name, api.Well, "", "at most %d%s", limit, used)
	}
}

// memory compares the soft limit of the process with what its group of processes may have.
func (d *diagnosis) memory() {
	const name = "memory"
	soft := debug.SetMemoryLimit(-1)
	hard, err := groupMemory()
	told := "the hub keeps below " + strconv.FormatInt(soft>>20, 10) + " MiB (GOMEMLIMIT)"
	if soft == math.MaxInt64 {
		told = "the hub knows no limit (GOMEMLIMIT)"
	}
	switch {
	case err != nil || hard == 0:
		d.add(name, api.Well, "", "%s; its group of processes has none", told)
	case soft > hard/10*9:
		d.add(name, api.Soon, "set GOMEMLIMIT to "+strconv.FormatInt(hard/10*8>>20, 10)+"MiB, or let the group have more", "%s, but its group of processes is ended at %d MiB", told, hard>>20)
	default:
		d.add(name, api.Well, "", "%s; its group of processes may have %d MiB", told, hard>>20)
	}
}

// groupMemory is how many bytes the control group of the process may have; 0: as many as there are. It is read as cgroup v2 has it,
// and v1 where that is mounted.
func groupMemory() (int64, error) {
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(group)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		var file string
		switch part[1] {
		case "":
			file = filepath.Join("/sys/fs/cgroup", part[2], "memory.max")
		case "memory":
			file = filepath.Join("/sys/fs/cgroup/memory", part[2], "memory.limit_in_bytes")
		default:
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < math.MaxInt64/2 {
			return n, nil
		}
		return 0, nil
	}
	return 0, errors.New("no control group tells")
}
