package boot

import (
	"os"
	"runtime/debug"
	"strings"
)

// kernelLogLine bounds a record of /dev/kmsg in bytes (LOG_LINE_MAX is 1024
// with its prefix).
const kernelLogLine = 900

// toKernelLog writes text to the kernel's log, which outlives this process: it
// is on the console, and pstore keeps it over a restart where the machine can.
func toKernelLog(text string) {
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // each write is a record of its own
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		_, _ = f.WriteString("<2>" + line[:min(len(line), kernelLogLine)]) // nowhere else to say so
	}
}

// catchFatal sends what the Go runtime says when it gives up (a fatal error
// that no recover sees) to the kernel's log.
func catchFatal() {
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // without it, the text is on the console only
	_ = f.Close()                                     // the runtime has its own copy
}
