//go:build race

package xml

// memoryTest is smaller with the race detector, which makes every byte ten times as slow.
const memoryTest = 20 << 20
