package files

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
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
