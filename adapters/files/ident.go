package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"orderhub/hub"
)

// contentID names a file by its name and content: a repeated delivery has the same ID, a changed one another. The file is read, and left
// at its start.
func contentID(ctx context.Context, name string, f *os.File, info fs.FileInfo) (string, error) {
	sum := sha256.New()
	in := &input{file: f, left: info.Size()}
	buf := make([]byte, max(1, min(blockSize, in.Len())))
	for ctx.Err() == nil {
		n, err := in.Read(buf)
		sum.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	now, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !unchanged(info, now) {
		return "", fmt.Errorf("%s changed while it was read", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return hub.HashID(name + "\x00" + strconv.FormatInt(info.Size(), 10) + "\x00" + hex.EncodeToString(sum.Sum(nil))), nil
}

// timeID names a file by its name, size and time: for batch runs, which do not read it twice.
func timeID(name string, info fs.FileInfo) string {
	return hub.HashID(name + "\x00" + strconv.FormatInt(info.Size(), 10) + "\x00" + strconv.FormatInt(info.ModTime().UnixNano(), 10))
}
