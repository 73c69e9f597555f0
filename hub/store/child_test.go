package store

func asChild() bool { return false }
