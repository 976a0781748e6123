// Package module works out which kernel modules an image needs and what depmod would say about them.
//
// In: the directory of a kernel's modules as its package has it, and the names of the modules wanted. Out: those and
// everything they depend on, and the text of modules.dep, modules.alias, modules.softdep and modules.builtin for
// exactly these, in depmod's formats.
//
// The image has no modprobe, so what the kernel would ask for by itself while a module loads (a cipher by name, say)
// cannot be answered then. Such wishes stand in a module as "softdep: pre:", and are made ordinary dependencies here.
//
// A Tree is built once and read-only afterwards; it may be shared between goroutines.
package module
