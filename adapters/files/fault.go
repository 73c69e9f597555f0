package files

import (
	"errors"

	"orderhub/hub"
)

func is(err, target error) bool { return errors.Is(err, target) }

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
