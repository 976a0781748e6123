// Package setup reads the set-up document: the JSON that stands on the image
// as setup.json, is given to maild with --setup, or is posted by the set-up
// page. It says everything that a new box has to know.
//
// What comes in: the document's bytes, from a person's hand and therefore wrong
// in every way that a person can think of. What goes out: a [Setup] in which
// every value is checked and in canonical form, or a [*FieldError] with the
// name of the first field that is wrong and a sentence that says what to do.
// A document is taken as a whole or not at all: a field that nobody knows, that
// stands twice, that is missing or of the wrong type refuses it, because a
// misspelt "trusted_networks" that is passed over would be worse.
//
// The package is pure: no I/O but the time zone data of package time (import
// time/tzdata in the program where the system has none), no state, any goroutine.
package setup
