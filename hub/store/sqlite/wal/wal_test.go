package wal_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"modernc.org/sqlite"

	"orderhub/hub/store/sqlite/wal"
)

// logged is a database with commits in its log, as a process that was killed leaves it: database, log and
// shared-memory file by their endings.
type logged struct {
	files   map[string][]byte
	commits int
}

// makeLog commits rows of a random length; again is how often the log was begun anew before, so that old frames lie behind the new ones.
func makeLog(t testing.TB, commits, again int) logged {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	c, err := new(sqlite.Driver).Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exec := func(sql string) {
		t.Helper()
		if _, err := c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{"PRAGMA page_size=4096", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0", "CREATE TABLE rows(n INTEGER PRIMARY KEY, text TEXT)"} {
		exec(sql)
	}
	random := rand.New(rand.NewPCG(1, 2))
	insert := func() {
		exec(fmt.Sprintf("INSERT INTO rows(text) VALUES('%0*d')", 1+random.IntN(9000), 1))
	}
	for range again {
		for range commits + 20 {
			insert()
		}
		exec("DELETE FROM rows")
		exec("PRAGMA wal_checkpoint(RESTART)")
	}
	for range commits {
		insert()
	}
	l := logged{files: map[string][]byte{}, commits: commits}
	for _, end := range []string{"", "-wal", "-shm"} {
		if l.files[end], err = os.ReadFile(path + end); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// lay writes the files, with the log changed; ends says which.
func (l logged) lay(t testing.TB, log []byte, ends ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.db")
	for _, end := range ends {
		b := l.files[end]
		if end == "-wal" {
			b = log
		}
		if err := os.WriteFile(path+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// rows is how many rows SQLite finds.
func rows(t testing.TB, path string) int64 {
	t.Helper()
	c, err := new(sqlite.Driver).Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.(driver.QueryerContext).QueryContext(context.Background(), "SELECT count(*) FROM rows", nil)
	if err != nil {
		return -1
	}
	defer r.Close()
	v := make([]driver.Value, 1)
	if err := r.Next(v); err != nil && err != io.EOF {
		return -1
	}
	n, _ := v[0].(int64)
	return n
}

func TestWhole(t *testing.T) {
	for _, again := range []int{0, 1, 3} {
		l := makeLog(t, 40, again)
		path := l.lay(t, l.files["-wal"], "", "-wal", "-shm")
		r, err := wal.Check(path)
		if err != nil || len(r.Flipped) > 0 || r.Unfinished != 0 || r.Frames == 0 {
			t.Fatalf("%+v: %v", r, err)
		}
		if n := rows(t, path); n != 40 {
			t.Fatalf("%d rows", n)
		}
	}
	if r, err := wal.Check(filepath.Join(t.TempDir(), "none.db")); err != nil || r.Frames != 0 {
		t.Fatalf("%+v: %v", r, err)
	}
}

// One flipped bit in the log, wherever, loses nothing: not of the shared-memory file either, which a copy or a power cut may lose.
func TestFault_R2_FlippedBit(t *testing.T) {
	tries := 100
	if n, err := strconv.Atoi(os.Getenv("HUB_TEST_FLIPS")); err == nil {
		tries = n // the long form
	}
	l := makeLog(t, 60, 1)
	whole, err := wal.Check(l.lay(t, l.files["-wal"], "", "-wal"))
	if err != nil {
		t.Fatal(err)
	}
	used := (32 + whole.Frames*(24+wal.PageSize)) * 8 // what lies behind is of the log before this one
	random, corrected := rand.New(rand.NewPCG(7, 7)), 0
	for i := range tries {
		bit := random.IntN(used)
		switch i % 10 { // some in the header, the head of a frame, the last frame
		case 0:
			bit = random.IntN(32 * 8)
		case 1, 2:
			bit = (32+random.IntN(whole.Frames)*(24+wal.PageSize))*8 + random.IntN(24*8)
		case 3:
			bit = used - 1 - random.IntN((24+wal.PageSize)*8)
		}
		log := append([]byte(nil), l.files["-wal"]...)
		log[bit/8] ^= 1 << (bit % 8)
		ends := []string{"", "-wal"}
		if i%2 == 0 {
			ends = append(ends, "-shm")
		}
		path := l.lay(t, log, ends...)
		r, err := wal.Check(path)
		if _, ok := errors.AsType[*wal.Damage](err); ok { // told: several bits explain it
			continue
		}
		if err != nil || len(r.Flipped) != 1 || r.Flipped[0] != int64(bit) {
			t.Fatalf("bit %d (byte %d): %+v: %v", bit, bit/8, r, err)
		}
		corrected++
		if err := wal.Correct(path, r.Flipped); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, path); n != int64(l.commits) {
			t.Fatalf("bit %d: %d rows of %d", bit, n, l.commits)
		}
	}
	if corrected < tries*6/10 {
		t.Errorf("only %d of %d were corrected", corrected, tries)
	}
	t.Logf("%d flipped bits: %d corrected, %d told as damage", tries, corrected, tries-corrected)
}

// Several flipped bits, each in a frame of its own.
func TestFault_R2_FlippedBits(t *testing.T) {
	l := makeLog(t, 60, 0)
	log := append([]byte(nil), l.files["-wal"]...)
	for frame := range 5 {
		log[32+frame*7*(24+wal.PageSize)+100] ^= 4
	}
	path := l.lay(t, log, "", "-wal")
	if r, err := wal.Check(path); err != nil || len(r.Flipped) != 5 {
		t.Fatalf("%+v: %v", r, err)
	} else if err := wal.Correct(path, r.Flipped); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, path); n != int64(l.commits) {
		t.Fatalf("%d rows", n)
	}
}

// A sector that is not what was written stops the start, with its place, and changes nothing.
func TestFault_R2_Damage(t *testing.T) {
	l := makeLog(t, 60, 1)
	whole, _ := wal.Check(l.lay(t, l.files["-wal"], "", "-wal"))
	random := rand.New(rand.NewPCG(3, 3))
	for i := range 30 {
		frame := random.IntN(whole.Frames - 12) // two commits stand behind: a row has up to 4 frames
		if i%3 == 0 {
			frame = whole.Frames - 1 - i%6 // with the shared-memory file the last commit, too
		}
		at := 32 + frame*(24+wal.PageSize) + random.IntN(24+wal.PageSize-600)
		if i%10 == 1 {
			frame, at = -1, 0 // the header
		}
		log := append([]byte(nil), l.files["-wal"]...)
		for j := range 512 {
			log[at+j] ^= 0x5a
		}
		ends := []string{"", "-wal"}
		if i%3 == 0 {
			ends = append(ends, "-shm")
		}
		path := l.lay(t, log, ends...)
		r, err := wal.Check(path)
		damage, ok := errors.AsType[*wal.Damage](err)
		if !ok || damage.Frame != frame+1 || damage.Commits < 1 || damage.Path != path+"-wal" {
			t.Fatalf("frame %d: %+v: %v", frame+1, r, err)
		}
		if after, _ := os.ReadFile(path + "-wal"); string(after) != string(log) {
			t.Fatal("the log was changed")
		}
	}
}

// What a power cut leaves of a commit that was never acknowledged is no damage: any of its sectors may be missing.
func TestUnfinishedCommit(t *testing.T) {
	l := makeLog(t, 60, 1)
	size := 24 + wal.PageSize
	whole, _ := wal.Check(l.lay(t, l.files["-wal"], "", "-wal"))
	before := whole.Frames - 1 // the last frame ends the last commit: find the end of the one before
	for before > 0 {
		head := l.files["-wal"][32+(before-1)*size:]
		if head[4]|head[5]|head[6]|head[7] != 0 {
			break
		}
		before--
	}
	random := rand.New(rand.NewPCG(5, 5))
	for range 30 {
		log := append([]byte(nil), l.files["-wal"]...)
		torn := false
		for at := 32 + before*size; at < 32+whole.Frames*size; at += 512 {
			if random.IntN(2) == 0 {
				clear(log[at:min(at+512, 32+whole.Frames*size)])
				torn = true
			}
		}
		path := l.lay(t, log, "", "-wal")
		r, err := wal.Check(path)
		if err != nil || torn && r.Frames != before {
			t.Fatalf("%+v, the commit before ends with frame %d: %v", r, before, err)
		}
		if n := rows(t, path); torn && n != int64(l.commits-1) {
			t.Fatalf("%d rows of %d", n, l.commits-1)
		}
	}
}

// BenchmarkCheck reads a log of 16 MiB, as long as the store lets one become.
func BenchmarkCheck(b *testing.B) {
	l := makeLog(b, 1600, 0)
	path := l.lay(b, l.files["-wal"], "", "-wal", "-shm")
	b.SetBytes(int64(len(l.files["-wal"])))
	for b.Loop() {
		if r, err := wal.Check(path); err != nil || r.Frames == 0 {
			b.Fatalf("%+v: %v", r, err)
		}
	}
}
