//go:build race

package operator_test

// race says that the race detector is in, which takes several times the memory.
const race = true
