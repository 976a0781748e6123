package secureboot

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Sign returns an EFI program with a signature. One that it had already stays beside it.
func (k Key) Sign(ctx context.Context, program []byte) ([]byte, error) {
	return convert(ctx, program, func(in, out string) []string {
		return []string{"sbsign", "--key", k.Secret, "--cert", k.Certificate, "--output", out, in}
	})
}

// convert has a program turn a file into another.
func convert(ctx context.Context, data []byte, command func(in, out string) []string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "sanduk-secureboot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		return nil, err
	}
	args := command(in, out)
	if said, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s (Debian's package sbsigntool: scripts/deps sign)", args[0], err, strings.TrimSpace(string(said)))
	}
	return os.ReadFile(out)
}
