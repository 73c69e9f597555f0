package files

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"orderhub/hub"
)

// claims is the folder that one Run renames its files into: processing/hub-x. A rename is won by one hub only, and in a folder of its own
// it never meets another hub's file of the same name. The folder is locked as long as its Run lives; one that nobody locks is an orphan.
type claims struct {
	root *os.Root
	base string // processing
	dir  string // processing/hub-x
	held *os.File
}

func openClaims(root *os.Root, base string, now time.Time) (*claims, error) {
	if err := root.MkdirAll(base, folderMode); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		dir := path.Join(base, "hub-"+hub.NewID(now))
		if err := root.Mkdir(dir, folderMode); err != nil {
			return nil, err
		}
		if f := lockDir(root, dir); f != nil {
			return &claims{root: root, base: base, dir: dir, held: f}, nil
		}
		if try == 10 { // another hub took the empty folder for an orphan, ten times
			return nil, fmt.Errorf("%s can't be locked", dir)
		}
	}
}

// lockDir opens and locks a folder; nil: another process has it, or it is gone.
func lockDir(root *os.Root, dir string) *os.File {
	f, err := root.Open(dir)
	if err != nil {
		return nil
	}
	if lock(f) {
		opened, err1 := f.Stat()
		named, err2 := root.Lstat(dir)
		if err1 == nil && err2 == nil && os.SameFile(opened, named) {
			return f
		}
	}
	f.Close()
	return nil
}

// close removes the folder unless files are left in it, and lets go of it.
func (c *claims) close() {
	_ = c.root.Remove(c.dir)
	_ = c.held.Close()
}

// claim renames a file into the folder. It returns fs.ErrNotExist when another hub was first, fs.ErrExist while we still hold its name.
func (c *claims) claim(from, name string) error {
	if _, err := c.root.Lstat(path.Join(c.dir, name)); err == nil {
		return fs.ErrExist
	}
	return c.root.Rename(from, path.Join(c.dir, name))
}

// adopt claims the files that hubs which are gone left behind, those that match.
func (c *claims) adopt(match func(string) bool) error {
	entries, err := fs.ReadDir(c.root.FS(), c.base)
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := path.Join(c.base, e.Name())
		switch {
		case at == c.dir:
		case !e.IsDir() && match(e.Name()):
			_ = c.claim(at, e.Name()) // lost, or held: nothing to do
		case e.IsDir() && strings.HasPrefix(e.Name(), "hub-"):
			c.inherit(at, match)
		}
	}
	return nil
}

// inherit takes over the files of one folder if its hub is gone.
func (c *claims) inherit(dir string, match func(string) bool) {
	f := lockDir(c.root, dir)
	if f == nil {
		return
	}
	defer f.Close()
	entries, err := fs.ReadDir(c.root.FS(), dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		switch at := path.Join(dir, e.Name()); {
		case strings.HasPrefix(e.Name(), "."):
			_ = c.root.Remove(at) // a list of refusals: made anew
		case match(e.Name()):
			_ = c.claim(at, e.Name())
		}
	}
	_ = c.root.Remove(dir) // stays if a file is left for another source
}
