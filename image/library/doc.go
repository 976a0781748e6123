// Package library finds the shared libraries that a dynamically linked program needs.
//
// In: a program, and directories that hold files of Debian packages. Out: the program interpreter and every library
// that it, or one of its libraries, names, each with its path in the image. A library that no directory has is an
// error: the program would not start on the box.
//
// The functions have no state.
package library
