// Boxctl is the operator's command: it looks after people and tokens of a
// running box over HTTPS, or of a data directory, and checks data directories.
// Called without arguments it says how it is used.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sanduk-mail/sanduk/services/operator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := operator.Run(ctx, os.Args[1:], operator.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(status)
}
