package boot

import (
	"bufio"
	"io"
	"strings"
)

// aliasTable is modules.alias by the part before the first colon, the bus; what
// has a wildcard there ("acpi*:PNP0C0C:*") stands under anyBus.
type aliasTable map[string][]moduleAlias

const anyBus = "*"

type moduleAlias struct {
	literal string // the pattern up to its first wildcard: most fail there
	pattern string
	module  string
}

func readAliases(r io.Reader) (aliasTable, error) {
	t := aliasTable{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "alias" {
			continue
		}
		bus, _, _ := strings.Cut(fields[1], ":")
		if strings.ContainsAny(bus, wildcards) {
			bus = anyBus
		}
		t[bus] = append(t[bus], newAlias(fields[1], fields[2]))
	}
	return t, lines.Err()
}

func newAlias(pattern, module string) moduleAlias {
	literal := pattern
	if i := strings.IndexAny(pattern, wildcards); i >= 0 {
		literal = pattern[:i]
	}
	return moduleAlias{literal, pattern, module}
}

// wildcards begin what globMatch does not take literally.
const wildcards = "*?["

// match returns the modules whose pattern fits modalias.
func (t aliasTable) match(modalias string) []string {
	bus, _, _ := strings.Cut(modalias, ":")
	var names []string
	for _, key := range []string{bus, anyBus} {
		for _, a := range t[key] {
			if strings.HasPrefix(modalias, a.literal) && globMatch(a.pattern, modalias) {
				names = append(names, a.module)
			}
		}
	}
	return names
}

// globMatch is fnmatch(3) without flags, as far as modules.alias uses it: *, ?
// and sets of characters. It runs in time proportional to the product of the
// lengths: after a mismatch only the last * is tried again.
func globMatch(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n := matchOne(pattern[p:], s[i]); n > 0 {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne returns how much of the pattern stands for the one character c, 0
// when it does not fit.
func matchOne(pattern string, c byte) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		end := strings.IndexByte(pattern, ']')
		if end < 0 {
			return 0
		}
		set := pattern[1:end]
		for len(set) > 0 {
			if len(set) >= 3 && set[1] == '-' {
				if set[0] <= c && c <= set[2] {
					return end + 1
				}
				set = set[3:]
				continue
			}
			if set[0] == c {
				return end + 1
			}
			set = set[1:]
		}
		return 0
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}
