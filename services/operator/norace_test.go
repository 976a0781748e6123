//go:build !race

package operator_test

const race = false
