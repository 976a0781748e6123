// Package board reads the description of one hardware target.
//
// A board is a directory of data: which kernel package it runs, which modules and firmware its disks, network
// cards and screens need, its kernel command line, and which loader its firmware starts. Nothing about mail and
// nothing about how an image is put together stands there.
//
// In: a directory (board/NAME). Out: a checked Board. A field that the reader does not know is an error, so that a
// misspelt one cannot silently leave something out of the image. Values are not changed after Load and may be
// shared between goroutines.
package board
