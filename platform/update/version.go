package update

import (
	"fmt"
	"regexp"
	"strings"
)

// Version is an image's, such as 1.2.3 or 1.2.3-4-gabcdef.
type Version string

// versionRE: a plus sign would be read as the loader's counter of tries, an underscore ends the name before it.
var versionRE = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+([.~-][A-Za-z0-9.~-]*)?$`)

// maxVersion in bytes: FAT's names have 255 characters, and a counter follows.
const maxVersion = 64

// Check says whether a version can stand in the name of a file on the boot partition.
func (v Version) Check() error {
	if len(v) > maxVersion || !versionRE.MatchString(string(v)) || strings.HasSuffix(string(v), ".") {
		return fmt.Errorf("version %q: want something like 1.2.3 or 1.2.3-4-gabcdef", string(v))
	}
	return nil
}

// Compare returns -1, 0 or +1 as v is older than, the same as, or newer than w. It is the loader's own order (UAPI
// version format specification): a box that judged otherwise would install what is then never started.
func (v Version) Compare(w Version) int {
	a, b := string(v), string(w)
	for {
		a, b = skipSeparators(a), skipSeparators(b)
		if c := compareMark(a, b, '~'); c != 0 || strings.HasPrefix(a, "~") {
			if c != 0 {
				return -c // what follows a tilde comes before what ends here
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			return compareLength(a, b)
		}
		for _, mark := range []byte{'-', '^', '.'} {
			if c := compareMark(a, b, mark); c != 0 {
				return -c
			}
		}
		if strings.IndexByte("-^.", a[0]) >= 0 {
			a, b = a[1:], b[1:]
			continue
		}
		c, restA, restB := comparePart(a, b)
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
}

// skipSeparators drops characters that have no meaning in a version.
func skipSeparators(s string) string {
	return strings.TrimLeftFunc(s, func(r rune) bool { return !isAlpha(r) && !isDigit(r) && !strings.ContainsRune("-~^.", r) })
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
func isAlpha(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// compareMark is +1 when only a begins with the mark, -1 when only b does.
func compareMark(a, b string, mark byte) int {
	return compareBool(a != "" && a[0] == mark, b != "" && b[0] == mark)
}

func compareLength(a, b string) int { return compareBool(a != "", b != "") }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// comparePart compares what both begin with: numbers by their value, a number as newer than letters, letters by their
// code, capitals first.
func comparePart(a, b string) (c int, restA, restB string) {
	if isDigit(rune(a[0])) || isDigit(rune(b[0])) {
		da, db := leading(a, isDigit), leading(b, isDigit)
		if c := compareBool(da != "", db != ""); c != 0 {
			return c, "", ""
		}
		na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
		if len(na) != len(nb) {
			return compareBool(len(na) > len(nb), len(nb) > len(na)), "", ""
		}
		return strings.Compare(na, nb), a[len(da):], b[len(db):]
	}
	la, lb := leading(a, isAlpha), leading(b, isAlpha)
	return strings.Compare(la, lb), a[len(la):], b[len(lb):]
}

// leading is what s begins with of the characters that are in.
func leading(s string, in func(rune) bool) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); i >= 0 {
		return s[:i]
	}
	return s
}
