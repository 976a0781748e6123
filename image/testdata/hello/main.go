// Command hello is the smallest PID 1 there can be: it says when it started and waits. The box's own start is measured
// against it, in the same image on the same machine.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// boottime is the clock that counts from the kernel's start (CLOCK_BOOTTIME).
const boottime = 7

func main() {
	var now syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, boottime, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		fmt.Fprintln(os.Stderr, "hello: clock:", errno)
	}
	fmt.Printf("hello: pid %d at %d.%03d s\n", os.Getpid(), now.Sec, now.Nsec/int64(time.Millisecond))
	for {
		time.Sleep(time.Hour)
	}
}
