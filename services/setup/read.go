package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reader walks the tree and keeps the first error; after one, everything reads
// as empty, so that the code that reads stands as straight as the document.
type reader struct{ err error }

func (r *reader) fail(path, format string, args ...any) {
	if r.err == nil {
		r.err = &FieldError{Field: path, Text: fmt.Sprintf(format, args...)}
	}
}

// object is a group of fields being read; done refuses what nobody asked for.
type object struct {
	r      *reader
	path   string
	fields []field
	asked  []string
}

func (r *reader) object(path string, n node) *object {
	o := &object{r: r, path: path}
	if n.kind != kindObject {
		r.wrongKind(path, n, kindObject)
		return o
	}
	o.fields = n.fields
	return o
}

func (r *reader) wrongKind(path string, n node, want kind) {
	r.fail(path, "This must be %s, not %s", want, n.kind)
}

// get finds a field; found is false when it is absent.
func (o *object) get(name string) (path string, n node, found bool) {
	o.asked = append(o.asked, name)
	path = join(o.path, name)
	i := slices.IndexFunc(o.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return path, node{}, false
	}
	return path, o.fields[i].value, true
}

func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.fields, func(f field) bool { return f.name == name })
}

// require refuses the document when the field is absent.
func (o *object) require(name, why string) {
	if !o.has(name) {
		o.r.fail(join(o.path, name), "This field is missing: %s", why)
	}
}

// forbid refuses fields that mean nothing beside another's value.
func (o *object) forbid(why string, names ...string) {
	for _, name := range names {
		if o.has(name) {
			o.r.fail(join(o.path, name), "%s", why)
		}
	}
}

// done must be called when everything was asked for.
func (o *object) done() {
	for _, f := range o.fields {
		if slices.Contains(o.asked, f.name) {
			continue
		}
		if i := slices.IndexFunc(o.asked, func(known string) bool { return similar(known, f.name) }); i >= 0 {
			o.r.fail(join(o.path, f.name), "There is no field of this name; %q is probably meant", o.asked[i])
		}
		o.r.fail(join(o.path, f.name), "There is no field of this name here; these are known: %s", strings.Join(o.asked, ", "))
	}
}

// similar finds the usual slips: another case, a hyphen for an underscore, a
// missing or additional "s".
func similar(a, b string) bool {
	plain := func(s string) string {
		return strings.TrimSuffix(strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s)), "s")
	}
	return plain(a) == plain(b)
}

const (
	// maxText bounds any one text; the longest that has a use is a password.
	maxText = 1024
	// maxName is in characters, for what stands beside an address.
	maxName = 200
)

// text reads a field of one line of text; "" when absent.
func (o *object) text(name string) (path, value string) {
	path, n, found := o.get(name)
	if !found {
		return path, ""
	}
	return path, o.r.text(path, n)
}

func (r *reader) text(path string, n node) string {
	switch {
	case n.kind != kindText:
		r.wrongKind(path, n, kindText)
	case len(n.text) > maxText:
		r.fail(path, "This is too long: at most %d bytes", maxText)
	case strings.ContainsFunc(n.text, unicode.IsControl):
		r.fail(path, "Line ends, tabs and other control characters can't stand here")
	default:
		return n.text
	}
	return ""
}

// personName reads a name as it will stand beside an address.
func (o *object) personName(name string) string {
	path, value := o.text(name)
	if utf8.RuneCountInString(value) > maxName {
		o.r.fail(path, "This is too long: at most %d letters", maxName)
	}
	return strings.TrimSpace(value)
}

// choice reads one of a few words; fallback when absent.
func choice[T ~string](o *object, name string, fallback T, words ...T) T {
	path, value := o.text(name)
	if !o.has(name) || o.r.err != nil {
		return fallback
	}
	if !slices.Contains(words, T(value)) {
		all := make([]string, len(words))
		for i, w := range words {
			all[i] = strconv.Quote(string(w))
		}
		o.r.fail(path, "%s is not possible here; choose %s", shown(value), strings.Join(all, " or "))
	}
	return T(value)
}

// port reads a port number; fallback when absent.
func (o *object) port(name string, fallback uint16) uint16 {
	path, n, found := o.get(name)
	if !found {
		return fallback
	}
	if n.kind != kindNumber {
		o.r.wrongKind(path, n, kindNumber)
		return fallback
	}
	number, err := strconv.ParseUint(n.text, 10, 16)
	if err != nil || number == 0 {
		o.r.fail(path, "A port is a whole number from 1 to 65535")
	}
	return uint16(number)
}

// list reads a list item by item; nothing when absent.
func (o *object) list(name string, most int, item func(path string, n node)) {
	path, n, found := o.get(name)
	switch {
	case !found:
		return
	case n.kind != kindList:
		o.r.wrongKind(path, n, kindList)
		return
	case len(n.items) > most:
		o.r.fail(path, "There are too many: at most %d", most)
		return
	}
	for i, n := range n.items {
		item(path+"["+strconv.Itoa(i)+"]", n)
	}
}

// shown is a piece of the document in an error's text.
func shown(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:60]) + "…"
	}
	return strconv.Quote(s)
}
