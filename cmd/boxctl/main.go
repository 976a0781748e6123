// Boxctl is the operator's command: it looks after people and tokens of a
// running box over HTTPS, or of a data directory, moves mail in and out, and
// checks, mends and shows data directories.
// Called without arguments it says how it is used.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/sanduk-mail/sanduk/services/operator"
)

// memory is what the garbage collector keeps boxctl to, in bytes, while it can: a
// mailbox of a million messages is made on small boxes, too.
const memory = 160 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := operator.Run(ctx, os.Args[1:], operator.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(status)
}
