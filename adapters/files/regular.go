package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
