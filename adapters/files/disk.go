package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"orderhub/hub"
)

var errNotRegular = errors.New("not a regular file")

// regular refuses what is no plain file of the folder alone: links, pipes, devices, folders, and files that have a second name elsewhere.
func regular(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s", errNotRegular, kind(info.Mode()))
	case links(info) > 1:
		return fmt.Errorf("%w: it has a second name (hard link)", errNotRegular)
	}
	return nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return m.Type().String()
}

// openRegular opens a regular file for reading. It follows no link and waits for no pipe: the file that was opened must be the one that
// the name stood for.
func openRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	named, err := root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, nil, regular(named)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !os.SameFile(named, info)) {
		err = fmt.Errorf("%w: it was replaced while it was opened", errNotRegular)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// unchanged tells whether a file is as it was.
func unchanged(a, b fs.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }

// Modes of what the hub makes: orders are not for everybody on the machine.
const (
	fileMode   = 0o640
	folderMode = 0o750
)

// place gives the file at from the name to, if that is free (fs.ErrExist), and takes the old name away.
func place(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	switch {
	case err == nil:
		return root.Remove(from)
	case errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || !noHardLinks(err):
		return err
	}
	if _, err := root.Lstat(to); err == nil { // a file system without hard links: the best there is
		return fs.ErrExist
	}
	return root.Rename(from, to)
}

// moveAway moves a file into the folder dir, as name or, where that is taken, name with a number. list, if not "", goes beside it as
// name.errors. Both are durable when it returns the path.
func moveAway(root *os.Root, from, dir, name, list string) (string, error) {
	if err := root.MkdirAll(dir, folderMode); err != nil {
		return "", err
	}
	for n := 0; ; n++ {
		to := path.Join(dir, numbered(name, n))
		if _, err := root.Lstat(to); err == nil {
			continue
		}
		if list != "" {
			err := place(root, list, to+".errors")
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if err != nil {
				return "", err
			}
			list = to + ".errors" // moves on with the file if its name is taken just now
		}
		err := place(root, from, to)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return to, errors.Join(syncDir(root, dir), syncDir(root, path.Dir(from)))
	}
}

// numbered is name with a number before its extension: a.csv, a.1.csv, a.2.csv.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + strconv.Itoa(n) + ext
}

// syncDir makes the names in a folder durable.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// contentIDs names a file by its name and content: a repeated delivery has the same IDs, a changed one others, and one that grew those of
// before. The file is read, and left at its start.
func contentIDs(ctx context.Context, name string, f *os.File, info fs.FileInfo, before []kept) (out ids, err error) {
	sum, at := sha256.New(), int64(0)
	in := newInput(f, info)
	base := func() string {
		return hub.HashID(name + "\x00" + strconv.FormatInt(at, 10) + "\x00" + hex.EncodeToString(sum.Sum(nil)))
	}
	for buf := make([]byte, max(1, min(blockSize, in.N))); err != io.EOF; {
		part := buf
		if len(before) > 0 {
			part = buf[:min(int64(len(buf)), before[0].size-at)]
		}
		n := 0
		n, err = in.Read(part)
		sum.Write(part[:n])
		at += int64(n)
		for ; len(before) > 0 && at == before[0].size; before = before[1:] {
			if base() == before[0].base {
				out.kept = append(out.kept, before[0])
			}
		}
		if err != nil && err != io.EOF {
			return out, err
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	now, err := f.Stat()
	if err != nil {
		return out, err
	}
	if !unchanged(info, now) {
		return out, fmt.Errorf("%s changed while it was read", name)
	}
	out.base = base()
	_, err = f.Seek(0, io.SeekStart)
	return out, err
}

// timeID names a file by its name, size and time: for batch runs, which do not read it twice.
func timeID(name string, info fs.FileInfo) string {
	return hub.HashID(name + "\x00" + strconv.FormatInt(info.Size(), 10) + "\x00" + strconv.FormatInt(info.ModTime().UnixNano(), 10))
}

// classify says what an error of the file system at dir means for a message.
func classify(err error, dir string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*hub.Error](err); ok {
		return err
	}
	switch {
	case diskFull(err):
		return hub.Fail(hub.Unavailable, "disk_full", "folder %s: no space left: %w", dir, err)
	case refusedForGood(err):
		return hub.Fail(hub.Rejected, "permission", "folder %s: the hub may not write or read there; change its owner or mode: %w", dir, err)
	}
	return hub.Fail(hub.Unavailable, "file_system", "folder %s: %w", dir, err)
}
