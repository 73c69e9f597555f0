package files

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
)

// Target writes a file per message. A file is complete and durable when its name appears; a file that is there is never written over.
type Target struct {
	dir    string
	naming naming
	clock  hub.Clock
	tidied sync.Once
}

var _ hub.Target = (*Target)(nil)

// Send writes the body. It returns nil when the file is durable, or was there already with this content.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	name, err := t.naming.of(m)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(t.dir, folderMode); err != nil {
		return classify(err, t.dir)
	}
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return classify(err, t.dir)
	}
	defer root.Close()
	t.tidied.Do(func() { tidy(root, t.clock.Now()) })
	body, err := m.Body.Encode()
	if err != nil {
		return err
	}
	if there, err := holds(root, name, body); there || err != nil {
		return t.found(root, name, err)
	}
	temp := tempPrefix + hub.NewID(t.clock.Now()) + tempSuffix
	err = write(root, temp, body)
	if err == nil {
		err = place(root, temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	if errors.Is(err, fs.ErrExist) { // another sender was first
		_, err = holds(root, name, body)
		return t.found(root, name, err)
	}
	if err == nil {
		err = syncDir(root, ".")
	}
	return classify(err, t.dir)
}

// found ends a Send whose file was there: with the same content that is success, once its name is durable too.
func (t *Target) found(root *os.Root, name string, err error) error {
	if errors.Is(err, errDifferent) {
		return hub.Fail(hub.Rejected, "target_exists", "file %s is there with other content; it is not written over", shown(name))
	}
	if err == nil {
		err = syncDir(root, ".")
	}
	return classify(err, t.dir)
}

// Close does nothing: nothing is open between two Sends.
func (t *Target) Close() error { return nil }

var errDifferent = errors.New("other content")

// holds tells whether the file is there with that content; errDifferent: with another.
func holds(root *os.Root, name string, body []byte) (bool, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(body)) {
		return true, errDifferent
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return true, err
	}
	defer f.Close()
	there := make([]byte, len(body))
	if _, err := io.ReadFull(f, there); err != nil || !bytes.Equal(there, body) {
		return true, errDifferent
	}
	return true, nil
}

// write makes a durable file that did not exist.
func write(root *os.Root, name string, body []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

const (
	tempPrefix = ".hub-"
	tempSuffix = ".tmp"
	tempAge    = time.Hour
)

// tidy removes what a hub that died while writing left behind.
func tidy(root *os.Root, now time.Time) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) || !strings.HasSuffix(e.Name(), tempSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > tempAge {
			_ = root.Remove(e.Name())
		}
	}
}
