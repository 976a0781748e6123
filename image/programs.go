package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/image/manifest"
)

// program is one of ours.
type program struct {
	name string // of the program
	dir  string // its sources, in the module
	to   string // in the image
	file string // compiled
}

func (b *builder) programs() []program {
	if b.Hello {
		return []program{{name: "hello", dir: "./image/testdata/hello", to: "/init"}}
	}
	list := []program{
		{name: "init", dir: "./cmd/init", to: "/init"},
		{name: "netd", dir: "./cmd/netd", to: "/bin/netd"},
		{name: "maild", dir: "./cmd/maild", to: "/bin/maild"},
	}
	for _, dir := range b.Extra {
		name := filepath.Base(dir)
		list = append(list, program{name: name, dir: "./" + dir, to: "/bin/" + name})
	}
	return list
}

// compile builds the programs side by side; Go's own cache makes this quick when little has changed.
func (b *builder) compile(ctx context.Context) ([]program, error) {
	programs := b.programs()
	dir, err := filepath.Abs(filepath.Join(b.Out, "bin", b.Board.Arch))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	errs := make([]error, len(programs))
	var wg sync.WaitGroup
	for i := range programs {
		wg.Go(func() {
			p := &programs[i]
			p.file = filepath.Join(dir, p.name)
			errs[i] = b.compileOne(ctx, *p)
		})
	}
	wg.Wait()
	return programs, errors.Join(errs...)
}

// compileOne builds a static program without symbols, paths of this machine, or the state of version control in it.
// The time zones are compiled in, because the image has no others.
func (b *builder) compileOne(ctx context.Context, p program) error {
	cmd := exec.CommandContext(ctx, "go", "build",
		"-trimpath", "-buildvcs=false", "-tags", "timetzdata",
		"-ldflags", "-s -w -buildid= -X main.version="+b.Version+" -X main.built="+b.Built.UTC().Format(time.RFC3339),
		"-o", p.file, p.dir)
	cmd.Dir = b.Root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+b.Board.Arch, "GOAMD64=v1", "GOFLAGS=", "GOEXPERIMENT=")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("compile %s: %w\n%s", p.name, err, out)
	}
	return nil
}

func (b *builder) addPrograms(programs []program) error {
	files := make(map[string]string)
	for _, p := range programs {
		data, err := os.ReadFile(p.file)
		if err != nil {
			return err
		}
		if err := b.tree.AddFile(p.to, 0o755, data, ours); err != nil {
			return err
		}
		files[p.name] = p.file
	}
	modules, err := manifest.Modules(files)
	b.modules = modules
	return err
}
