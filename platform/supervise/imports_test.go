package supervise

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOnlyChildrenFork: whoever else starts or waits for a process inside PID 1
// races with the reaper and may be told of another process's end, or wait for
// ever. Everything PID 1 runs goes through Children.
func TestOnlyChildrenFork(t *testing.T) {
	t.Parallel()
	forbidden := map[string]string{
		"os.StartProcess": "children.go", "syscall.ForkExec": "children.go", "syscall.StartProcess": "children.go",
		"syscall.Wait4": "children.go", "unix.Wait4": "children.go", "unix.Waitid": "children.go",
	}
	for _, dir := range []string{"../boot", "../supervise", "../disk", "../watchdog", "../control", "../logbook", "../durable", "../../cmd/init"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` }) {
				return nil // a package for tests, which PID 1 has no part of
			}
			for _, i := range file.Imports {
				if p, _ := strconv.Unquote(i.Path.Value); p == "os/exec" {
					t.Errorf("%s imports os/exec", name)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := sel.X.(*ast.Ident); ok {
						if home := forbidden[pkg.Name+"."+sel.Sel.Name]; home != "" && filepath.Base(name) != home {
							t.Errorf("%s uses %s.%s", name, pkg.Name, sel.Sel.Name)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
