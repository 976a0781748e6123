// Package storetest says what a mail store is, and tests whether something is
// one: the interfaces [Store] and [Account] are the contract, [Run] is the
// conformance suite over it, and [Compare] drives two stores with the same
// random operations and looks for a difference.
//
// The store on disk and the obvious model in memory (memstore) both pass it, so
// a protocol server tested against the one works with the other.
package storetest
