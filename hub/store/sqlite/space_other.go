//go:build !(darwin || linux || freebsd)

package sqlite

func diskSpace(string) (free, all int64, known bool) { return 0, 0, false }

func outOfSpace(error) bool { return false }
