package imapd

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

const (
	// aheadRows is how many messages' digests are read together, aheadReaders by how
	// many at a time.
	aheadRows    = 32
	aheadReaders = 4
	// aheadHeaders is from how many bytes of headers on no more digests are read
	// ahead: a digest of a few thousand addresses takes up a megabyte.
	aheadHeaders = 1 << 20
)

// aheadDigest is a message that is to be answered for, with its digest if it has
// been read.
type aheadDigest struct {
	seq    mail.SeqNum
	row    mail.Row
	read   bool
	digest *message.Digest
	texts  [][]byte // by item, where all of them were kept: then no digest is read
	err    error
}

// readsAhead reports whether all that is needed of the messages is their digests:
// what a client asks to show a list. One after the other they would take the time
// of one processor.
func (f *fetchRun) readsAhead() bool {
	return f.needsDigest && !slices.ContainsFunc(f.items, func(it fetchItem) bool { return it.section != nil })
}

// answerAhead answers for messages, reading their digests together first.
func (f *fetchRun) answerAhead(ctx context.Context, list []aheadDigest) error {
	for i := range list {
		f.lookUp(&list[i])
	}
	if len(list) > 1 {
		f.readDigests(ctx, list)
	}
	for i := range list {
		f.ahead = &list[i]
		if err := f.one(ctx, list[i].seq, &list[i].row); err != nil {
			return err
		}
		if err := f.w.Err(); err != nil {
			return err
		}
	}
	f.ahead = nil
	return nil
}

// readDigests reads those of a list, several at a time.
func (f *fetchRun) readDigests(ctx context.Context, list []aheadDigest) {
	var headers atomic.Int64
	readers := min(aheadReaders, runtime.GOMAXPROCS(0))
	panics := make([]string, readers)
	var reading sync.WaitGroup
	for r := range readers {
		reading.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					panics[r] = fmt.Sprintf("%v\n%s", v, debug.Stack())
				}
			}()
			for i := r; i < len(list) && headers.Load() < aheadHeaders; i += readers {
				if list[i].texts != nil {
					continue
				}
				f.readDigest(ctx, &list[i])
				if d := list[i].digest; d != nil {
					headers.Add(d.HeaderLen)
				}
			}
		})
	}
	reading.Wait()
	for _, p := range panics {
		if p != "" {
			panic(p) // the session's own recovery counts and logs it
		}
	}
}

func (f *fetchRun) readDigest(ctx context.Context, a *aheadDigest) {
	stored, err := f.account.Open(ctx, f.view.mailbox, a.row.UID)
	if err == nil {
		if a.digest, err = stored.Digest(); err != nil {
			err = fmt.Errorf("read digest: %w", err)
		}
		_ = stored.Close() // it was only read
	}
	a.read, a.err = true, err
}
