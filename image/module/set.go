package module

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Set is a choice of modules in which every dependency is met.
type Set struct {
	tree    *Tree
	modules map[string]*Module
	deps    map[string][]string // direct dependencies, softdep pre included
}

// Closure returns the named modules and everything they depend on. Names that are built into the kernel are fine and
// add nothing. Names that the kernel does not know at all are an error that lists every one of them.
func (t *Tree) Closure(names []string) (*Set, error) {
	s := &Set{tree: t, modules: make(map[string]*Module), deps: make(map[string][]string)}
	var unknown []string
	for _, name := range names {
		name = canonical(name)
		if _, ok := t.builtin[name]; ok {
			continue
		}
		if t.modules[name] == nil {
			unknown = append(unknown, name)
			continue
		}
		if err := s.add(name); err != nil {
			return nil, err
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("kernel %s has no module %s", t.version, strings.Join(unknown, ", "))
	}
	return s, nil
}

func (s *Set) add(name string) error {
	if s.modules[name] != nil {
		return nil
	}
	m := s.tree.modules[name]
	s.modules[name] = m
	for _, dep := range m.Depends {
		dep = canonical(dep)
		if _, ok := s.tree.builtin[dep]; ok {
			continue
		}
		if s.tree.modules[dep] == nil {
			return fmt.Errorf("module %s depends on %s, which kernel %s does not have", name, dep, s.tree.version)
		}
		if err := s.depend(name, dep); err != nil {
			return err
		}
	}
	for _, wish := range m.PreSoft {
		for _, dep := range s.tree.resolve(wish) {
			if err := s.depend(name, dep); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Set) depend(name, dep string) error {
	if dep != name && !slices.Contains(s.deps[name], dep) {
		s.deps[name] = append(s.deps[name], dep)
	}
	return s.add(dep)
}

// resolve returns the modules that answer to a name or to an exact alias. A wish that nothing answers is no error,
// as it is none for modprobe. Several modules may answer (a cipher in C and one for this CPU's instructions); the
// generic one always loads, the others refuse on a CPU without the instructions, so only the generic one is taken
// when there is one.
func (t *Tree) resolve(wish string) []string {
	if name := canonical(wish); t.modules[name] != nil {
		return []string{name}
	}
	names := slices.Clone(t.alias[wish])
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, "_generic") {
			return []string{name}
		}
	}
	return names
}

// Modules returns the set's modules in the order of their paths.
func (s *Set) Modules() []*Module {
	return slices.SortedFunc(maps.Values(s.modules), func(a, b *Module) int { return strings.Compare(a.Path, b.Path) })
}

// Has says whether a module of that name, with hyphens or underscores, is in the set.
func (s *Set) Has(name string) bool { return s.modules[canonical(name)] != nil }

// Firmware returns the firmware files that the modules name, in order, each with the names of its modules.
func (s *Set) Firmware() map[string][]string {
	files := make(map[string][]string)
	for _, m := range s.Modules() {
		for _, f := range m.Firmware {
			files[f] = append(files[f], m.Name)
		}
	}
	return files
}

// load returns everything that must be loaded before the module, nearest first, as modules.dep lists it.
func (s *Set) load(name string) []string {
	var order []string
	seen := map[string]bool{name: true}
	var visit func(string)
	visit = func(n string) {
		for _, dep := range s.deps[n] {
			if !seen[dep] {
				seen[dep] = true
				visit(dep)
				order = append(order, dep)
			}
		}
	}
	visit(name)
	slices.Reverse(order)
	return order
}
