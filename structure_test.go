// Package sanduk holds no code: its tests keep the house in order. Each rule
// carries the reason that a failure prints.
package sanduk

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const module = "github.com/sanduk-mail/sanduk/"

// source is one Go file of the project.
type source struct {
	dir, name string
	set       *token.FileSet
	file      *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// sources parses every Go file but those under build, node_modules and testdata.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "build" || d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir() || path.Ext(p) != ".go":
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(filepath.ToSlash(p)), d.Name(), set, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: the rules would be tested on nothing", len(all))
	}
	return all
}

func imports(f *ast.File) []string {
	var list []string
	for _, spec := range f.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

func within(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") })
}

// TestImportArrows holds the direction in which packages may know each other.
func TestImportArrows(t *testing.T) {
	t.Parallel()
	const bbolt = "go.etcd.io/bbolt"
	servers := []string{"services/smtpd", "services/imapd", "services/pop3d", "services/web"}
	stores := []string{"services/store", "services/directory", "services/queue", "services/trace"}
	for _, s := range sources(t) {
		if s.isTest() || within(s.dir, "cmd") {
			continue // main packages wire everything together; tests look where they must
		}
		for _, imported := range imports(s.file) {
			own, isOurs := strings.CutPrefix(imported, module)
			forbid := func(when bool, reason string) {
				if when {
					t.Errorf("%s/%s imports %s: %s", s.dir, s.name, imported, reason)
				}
			}
			forbid(isOurs && within(own, "cmd"), "main packages are for starting, not for importing")
			forbid(within(s.dir, "platform") && isOurs && within(own, "services"), "the platform knows Linux and this box, and nothing about mail")
			forbid(within(s.dir, "services") && isOurs && within(own, "platform") && !within(own, "platform/durable", "platform/logbook"),
				"mail services run on any Linux server: of the platform they know only durable files and the log")
			forbid(within(s.dir, "services/mail") && strings.Contains(imported, "."), "the vocabulary has no I/O and no dependencies, so that everything can import it")
			forbid(within(s.dir, servers...) && (isOurs && within(own, append(stores, "services/journal")...) || imported == bbolt),
				"a protocol server says what it needs in an interface of its own, so that it can be tested on a model and served by another store")
			forbid(imported == "github.com/miekg/dns" && !within(s.dir, "services/resolver", "platform/dnstls"),
				"DNS is asked in one place, where answers are bounded, cached and proven; another only passes questions on")
			forbid(imported == bbolt && !within(s.dir, append(stores, "services/collect")...), "one package owns each database file; others ask it")
			for _, store := range stores {
				forbid(within(s.dir, store) && isOurs && within(own, stores...) && !within(own, store), "indexes of the journal stand side by side and never know each other")
			}
		}
	}
}

// TestPackageDocs holds that every package says what it is for, where one looks
// for it.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		if _, seen := documented[s.dir]; !seen {
			documented[s.dir] = false
		}
		isDoc := s.name == "doc.go" || s.name == s.file.Name.Name+".go" // a package of one file needs no second
		if isDoc && s.file.Doc != nil && len(s.file.Doc.Text()) > 100 {
			documented[s.dir] = true
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: neither doc.go nor the file named after it says in a package comment what comes in, what goes out and who may call: a newcomer starts there", dir)
		}
	}
}

// TestNoHiddenState holds what makes two boxes possible in one process.
func TestNoHiddenState(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, word := range []string{"util", "utils", "common", "helpers", "types", "misc"} {
			if path.Base(s.dir) == word {
				t.Errorf("%s: a package of that name can't say no to anything", s.dir)
			}
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s/%s: func init does things behind the reader's back; construct in main", s.dir, s.name)
			}
		}
	}
}

// TestSizes holds that functions and files can be read.
func TestSizes(t *testing.T) {
	t.Parallel()
	const longestFunction, longestFile = 120, 900
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		if lines := s.set.Position(s.file.FileEnd).Line; lines > longestFile {
			t.Errorf("%s/%s has %d lines: one file holds one verb (at most %d)", s.dir, s.name, lines, longestFile)
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line
			if lines > longestFunction {
				t.Errorf("%s/%s: %s has %d lines: a function fits a screen (at most %d, for tables)", s.dir, s.name, f.Name.Name, lines, longestFunction)
			}
		}
	}
}

// TestModules holds that each dependency has a reason, and none is replaced.
func TestModules(t *testing.T) {
	t.Parallel()
	text := read(t, "go.mod")
	mod, err := modfile.Parse("go.mod", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(mod.Replace) > 0 {
		t.Errorf("go.mod replaces %s: what others build would not be what we tested", mod.Replace[0].Old.Path)
	}
	architecture := read(t, "ARCHITECTURE.md")
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(architecture, "`"+r.Mod.Path+"`") {
			t.Errorf("ARCHITECTURE.md gives no reason for %s: dependencies are a budget", r.Mod.Path)
		}
	}
}

// TestJourney holds that the files and symbols README's journey table names are there.
func TestJourney(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("^\\| \\d+ \\| [a-z /]+ \\| `([^`]+\\.go)` `([A-Za-z.]+)` \\|")
	rows := 0
	lines := bufio.NewScanner(strings.NewReader(read(t, "README.md")))
	for lines.Scan() {
		m := row.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		rows++
		name := m[2][strings.LastIndex(m[2], ".")+1:]
		if !regexp.MustCompile(`func (\([^)]*\) )?` + name + `\(`).MatchString(read(t, m[1])) {
			t.Errorf("README's journey names %s in %s, which is not there: a reader would be lost", m[2], m[1])
		}
	}
	if rows < 6 {
		t.Errorf("README's journey table has %d rows; want the whole way of a message", rows)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
