package module

import (
	"fmt"
	"slices"
	"strings"
)

// Dep returns modules.dep: each module's path, a colon, and the paths of all modules to load before it; the last one
// is loaded first.
func (s *Set) Dep() []byte {
	var b strings.Builder
	for _, m := range s.Modules() {
		b.WriteString(m.Path)
		b.WriteByte(':')
		for _, dep := range s.load(m.Name) {
			b.WriteByte(' ')
			b.WriteString(s.modules[dep].Path)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// Alias returns modules.alias: lines of "alias PATTERN NAME", in the order of the modules.
func (s *Set) Alias() []byte {
	var b strings.Builder
	b.WriteString("# Aliases extracted from modules themselves.\n")
	for _, m := range s.Modules() {
		for _, a := range m.Aliases {
			fmt.Fprintf(&b, "alias %s %s\n", a, m.Name)
		}
	}
	return []byte(b.String())
}

// Softdep returns modules.softdep. What it says is in modules.dep already; it tells a reader why.
func (s *Set) Softdep() []byte {
	var b strings.Builder
	b.WriteString("# Soft dependencies extracted from modules themselves.\n")
	for _, m := range s.Modules() {
		if len(m.PreSoft) > 0 {
			fmt.Fprintf(&b, "softdep %s pre: %s\n", m.Name, strings.Join(m.PreSoft, " "))
		}
	}
	return []byte(b.String())
}

// Builtin returns modules.builtin: the paths of what the kernel has in itself.
func (s *Set) Builtin() []byte {
	paths := make([]string, 0, len(s.tree.builtin))
	for _, p := range s.tree.builtin {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return []byte(strings.Join(paths, "\n") + "\n")
}
