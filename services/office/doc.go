// Package office is one whole mail office in a process: it opens a data
// directory, hands the parts of the mail service to each other, and serves.
//
// It is the only package that knows all the others; protocol servers, store and
// directory meet here and nowhere else. In come a directory, listeners by name
// and what the machine offers; out goes a running office. The same office runs
// on the box, on a developer's machine and in tests.
//
// An Office is opened, served and closed by one goroutine each; SetUp may be
// called from any.
package office
