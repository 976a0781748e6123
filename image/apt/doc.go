// Package apt fetches and unpacks Debian packages with apt's own lists and cache kept in a directory of ours.
//
// In: a directory, and the names of packages. Out: each package's version, SHA-256, licence file and a directory with
// its files. apt checks signatures and sums, as always; the machine's own package lists, cache and sources are read
// for the mirror and the keys and never changed.
//
// What was chosen on the first fetch is written to packages.json in the directory and used again for a day, so that a
// build after a build needs no network and takes the same packages. After that, or when another package is asked
// for, apt looks again; when the mirror cannot be reached and everything asked for is there, the old choice stays in
// use, and a line says so.
//
// One process may use a directory at a time; a lock file sees to it.
package apt
