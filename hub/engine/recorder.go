package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// Recorder is the flight recorder: a small memory-mapped file that holds the
// sequence numbers of the messages running right now. The kernel keeps its
// pages when the process dies, so after a crash the hub knows exactly which
// messages may have caused it, at the cost of one memory write per message.
// (A power cut may lose them: a message does not cut the power.)
type Recorder struct {
	mu   sync.Mutex
	file *os.File
	page []byte // slots of 8 bytes; 0: free
	free []int
}

const recorderSlots = 4096

// OpenRecorder maps the file at path and tells what was running when it was
// last used. Call Clear once those are accounted for in the store.
func OpenRecorder(path string) (*Recorder, []int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("flight recorder: %w", err)
	}
	if err := allot(f, recorderSlots*8); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("flight recorder: %w", err), f.Close())
	}
	page, err := syscall.Mmap(int(f.Fd()), 0, recorderSlots*8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("flight recorder: %w", err)
	}
	r := &Recorder{file: f, page: page}
	var running []int64
	for i := recorderSlots - 1; i >= 0; i-- {
		if seq := int64(binary.LittleEndian.Uint64(page[i*8:])); seq != 0 {
			running = append(running, seq)
		}
		r.free = append(r.free, i)
	}
	return r, running, nil
}

// allot makes f size bytes long, and none of it a hole: the kernel ends a process that
// writes to a mapped hole while the disk is full.
func allot(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if missing := size - info.Size(); missing > 0 {
		_, err = f.WriteAt(make([]byte, missing), info.Size())
		return err
	}
	return f.Truncate(size)
}

// Clear forgets the last run.
func (r *Recorder) Clear() {
	clear(r.page)
}

// Begin records that the message seq runs; End with the slot it gave takes it
// out. A full recorder gives slot -1: that message is not recorded.
func (r *Recorder) Begin(seq int64) int {
	if r == nil {
		return -1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.free) == 0 {
		return -1
	}
	slot := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	binary.LittleEndian.PutUint64(r.page[slot*8:], uint64(seq))
	return slot
}

// End frees a slot.
func (r *Recorder) End(slot int) {
	if r == nil || slot < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.page == nil {
		return
	}
	binary.LittleEndian.PutUint64(r.page[slot*8:], 0)
	r.free = append(r.free, slot)
}

// Close unmaps the file.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	page := r.page
	r.page = nil
	if err := syscall.Munmap(page); err != nil {
		return err
	}
	return r.file.Close()
}

// running is the flight recorder's entry of a message that runs. While the
// message waits for a reply from this hub's own store it is taken out: what
// stops the hub meanwhile is another message, the one that is asked or one of the rest.
type running struct {
	recorder *Recorder
	seq      int64

	mu      sync.Mutex
	slot    int
	waiting int // of the message's parallel parts
}

type runningKey struct{}

// aside takes the message that ctx belongs to out of the record until back is called.
func aside(ctx context.Context) (back func()) {
	r, ok := ctx.Value(runningKey{}).(*running)
	if !ok {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting++; r.waiting == 1 {
		r.recorder.End(r.slot)
	}
	return r.back
}

func (r *running) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		r.slot = r.recorder.Begin(r.seq)
	}
}

func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == 0 {
		r.recorder.End(r.slot)
	}
}
