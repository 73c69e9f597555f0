package hubtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Disk is a file system of its own that a power cut can be tried on. It lies in a file, to which nothing but a flush
// writes for minutes, so that a copy of that file, taken while nobody writes, is what a power cut leaves.
type Disk struct {
	Dir string // where it is mounted

	t     *testing.T
	image string
}

// NewDisk makes a disk and mounts it for the time of the test. The test is skipped where that can't be done.
func NewDisk(t *testing.T) *Disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a file system can be mounted by root alone")
	}
	dir := t.TempDir()
	d := &Disk{Dir: filepath.Join(dir, "disk"), t: t, image: filepath.Join(dir, "image")}
	if err := os.Mkdir(d.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.run("truncate", "-s", "1G", d.image)
	d.run("mkfs.ext4", "-q", d.image)
	if out, err := exec.Command("mount", "-o", "loop,commit=300", d.image, d.Dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %s", out)
	}
	t.Cleanup(func() { d.run("umount", d.Dir) })
	return d
}

// Fill writes a file until the disk of the folder is full, and gives its name.
func Fill(t testing.TB, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	f.Close()
	return f.Name()
}

// Cut gives check the folder that holds what of Dir a power cut at this moment leaves.
func (d *Disk) Cut(check func(dir string)) {
	d.t.Helper()
	copied, after := d.image+".cut", d.Dir+".after"
	d.run("cp", "--sparse=always", d.image, copied)
	if err := os.MkdirAll(after, 0o700); err != nil {
		d.t.Fatal(err)
	}
	d.run("mount", "-o", "loop", copied, after)
	defer d.run("umount", after)
	check(after)
}

func (d *Disk) run(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
