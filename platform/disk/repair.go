package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

const (
	// groupBlocks is how many blocks a group of ours has: eight for each byte of one block.
	groupBlocks = 8 * 4096
	// maxCopies of the super block are tried: those beyond stand further back on a disk of
	// terabytes, and are as old as the others.
	maxCopies = 24
	// maxRounds of a check that goes on mending: what one round puts right lets the next
	// see more.
	maxRounds = 4
)

// Repair is Check for a person who has decided that the box should try everything: round
// after round while the check still mends something, and from every copy of the super
// block that the disk has, where Check tries the first three. The file system must not be
// mounted. tell hears in a sentence what is being done.
// A *RecoveryError means that it didn't help; what e2fsck said is returned also then.
func (t Tools) Repair(ctx context.Context, path string, tell func(string)) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := MendTorn(path); err != nil {
		t.Log.Error("super block not looked at", "err", err) // e2fsck says what that means
	}
	tell("The disk is being checked and repaired. With a large disk that takes an hour.")
	good, said, last := t.rounds(ctx, path, nil)
	if good {
		return said, nil
	}
	copies, err := findCopies(path)
	if err != nil {
		return said, &RecoveryError{Fault: FaultDamaged, Text: "The disk cannot be read. It is probably failing: have it copied before anything else is tried.", Err: err, Said: said}
	}
	for i, block := range copies {
		tell(fmt.Sprintf("The disk is being repaired from copy %d of %d of its description.", i+1, len(copies)))
		from := []string{"-b", strconv.FormatInt(block, 10), "-B", "4096"}
		var more []byte
		good, more, err = t.rounds(ctx, path, from)
		said = append(said, more...)
		if good {
			return said, nil
		}
		last = err
	}
	return said, errDamaged(last, said)
}

// rounds checks until a round has mended all, or nothing more.
func (t Tools) rounds(ctx context.Context, path string, from []string) (good bool, said []byte, err error) {
	for range maxRounds {
		args := append(append([]string{"-f", "-y"}, from...), path)
		out, exit, err := t.Runner.Run(ctx, supervise.Tool{Path: filepath.Join(t.Dir, "e2fsck"), Args: args})
		if err != nil {
			return false, said, fmt.Errorf("run e2fsck: %w", err)
		}
		said = fmt.Appendf(said, "e2fsck %s: %v\n%s\n", strings.Join(args, " "), exit, out)
		if exit.Signal == 0 && exit.Code&^fsckGood == 0 {
			return true, said, nil
		}
		t.Log.Error("data file system not sound", "from", strings.Join(from, " "), "status", exit.Code, "output", lastLine(out))
		if exit.Signal != 0 || exit.Code&fsckCorrected == 0 {
			return false, said, fmt.Errorf("e2fsck %v: %s", exit, lastLine(out))
		}
		from = nil // it was put back where it belongs
	}
	return false, said, errors.New("e2fsck mends and mends")
}

// findCopies returns the blocks where copies of the super block of one of our file systems
// stand, the first ones first (sparse_super: groups 1 and the powers of 3, 5 and 7).
func findCopies(path string) ([]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("disk: copies of the super block: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("disk: copies of the super block: %w", err)
	}
	groups := []int64{1}
	for _, base := range []int64{3, 5, 7} {
		for g := base; g*groupBlocks*4096+superSize <= size; g *= base {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	var found []int64
	for _, g := range groups {
		s, err := superblockAt(f, g*groupBlocks*4096)
		if err == nil && s != nil && s.Label == dataLabel && len(found) < maxCopies {
			found = append(found, g*groupBlocks)
		}
	}
	return found, nil
}
