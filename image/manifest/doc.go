// Package manifest lists what an image is made of: every file with its SHA-256 and where it comes from, every Debian
// package with version, sum and licences, and every Go module in our own programs.
//
// In: the files of an initramfs.Tree, packages, modules. Out: JSON that is the same for the same input; it lies beside
// the image and, as /etc/sanduk/manifest.json, in it. Paths, versions and sums say which machine has a file that turns
// out to be bad; licence texts of everything taken from Debian stand in the image below /usr/share/doc.
//
// A Manifest is a value without behaviour of its own; nothing is shared.
package manifest
