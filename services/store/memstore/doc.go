// Package memstore is the mail store as an obvious model: maps and slices under
// one lock, no files. It answers to the contract in storetest like the store on
// disk does. Protocol servers are tested on it, and the store on disk is tested
// against it.
//
// What comes in and goes out: see storetest. Durability: none at all; Close
// forgets everything. Concurrency: every method may be called from any
// goroutine; one lock serves them one by one.
package memstore
