package search

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/sanduk-mail/sanduk/services/store/match"
)

// leaf answers one condition on a text for all documents of the segment: those
// of which it holds surely, and those of which it may hold. Of the others it
// holds surely not.
func (a *asker) leaf(t match.Text) (yes, maybe set, err error) {
	n := cutNeedle(t.Folded)
	if t.Body {
		yes, maybe, err = a.contains(partText, n, inBody)
		return yes, a.withCut(maybe, cutBody), err
	}
	if t.Field == "" {
		yes, maybe, err = a.wholeHeader(n)
		return yes, a.withCut(maybe, cutHeader), err
	}
	if in := peopleField(t.Field); in != 0 {
		yes = newSet(len(a.docs))
		err = a.values(in, t.Folded, yes)
		return yes, a.withCut(newSet(len(a.docs)), cutHeader), err
	}
	yes, maybe, err = a.otherField(t.Field, n)
	return yes, a.withCut(maybe, cutHeader), err
}

// withCut adds those documents of which the segment doesn't have everything.
func (a *asker) withCut(maybe set, c cut) set {
	if maybe == nil {
		return nil
	}
	for i := range a.docs {
		if a.docs[i].cut&c != 0 {
			maybe.add(uint32(i))
		}
	}
	return maybe
}

// otherField answers for a header field that people don't look at. Where its
// value stands among those of others isn't known: it must be looked for in the
// documents that have the field, and the text in some field.
func (a *asker) otherField(name string, n needle) (yes, maybe set, err error) {
	yes, maybe = newSet(len(a.docs)), newSet(len(a.docs))
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || r == 0 }) || name == termAttachment {
		for i := range a.docs { // strings.EqualFold finds more names than this does
			maybe.add(uint32(i))
		}
		return yes, maybe, nil
	}
	has, err := a.element(partName, element{text: strings.ToLower(name), from: true, to: true}, inOther)
	if err != nil {
		return nil, nil, err
	}
	if n.text == "" {
		return has, maybe, nil
	}
	if isSignature(name) {
		return yes, has, nil // stand among the lines, or else among the tokens
	}
	inAny, mayAny, err := a.contains(partHeader, n, inOther)
	if err != nil {
		return nil, nil, err
	}
	mayAny.or(inAny)
	has.and(mayAny)
	return yes, has, nil
}

// wholeHeader answers for "Name: value" of any field, of parts too.
func (a *asker) wholeHeader(n needle) (yes, maybe set, err error) {
	yes, maybe, err = a.contains(partHeader, n, inOther)
	if err != nil {
		return nil, nil, err
	}
	if err := a.values(inPeople, n.text, yes); err != nil {
		return nil, nil, err
	}
	if n.text != "" && isPrintable(n.text) {
		err := a.terms(a.dicts[partLine].blocks, []byte(n.text), func(_ []byte, i info) error { return a.collect(i, inOther, yes) })
		if err != nil {
			return nil, nil, err
		}
	}
	// The rest lies in the name, or begins there.
	var named, crossing field
	for f := inSubject; f <= inBcc; f <<= 1 {
		name := fieldName(f) + ": "
		if strings.Contains(name, n.text) {
			named |= f
		} else if i := strings.IndexAny(n.text, ": "); i >= 0 && strings.HasSuffix(name[:len(name)-2], n.text[:i]) {
			crossing |= f
		}
	}
	if named != 0 {
		if err := a.values(named, "", yes); err != nil {
			return nil, nil, err
		}
	}
	if crossing != 0 {
		err = a.crossing(crossing, n.text, yes)
	}
	return yes, maybe, err
}

// values adds to found the documents of which a value of the fields contains the
// text.
func (a *asker) values(in field, text string, found set) error {
	pattern := []byte(text)
	if text == "" {
		pattern = []byte{0} // every value begins with it
	}
	return a.terms(a.dicts[partValue].blocks, pattern, func(_ []byte, i info) error { return a.collect(i, in, found) })
}

// crossing adds the documents in which the text begins in a field's name, or in
// what stands between it and the value.
func (a *asker) crossing(in field, text string, found set) error {
	var line []byte
	return a.terms(a.dicts[partValue].blocks, []byte{0}, func(value []byte, i info) error {
		var fields field
		for f := inSubject; f <= inBcc; f <<= 1 {
			line = append(append(append(line[:0], fieldName(f)...), ": "...), value...)
			if in&f != 0 && bytes.Contains(line, []byte(text)) {
				fields |= f
			}
		}
		if fields == 0 {
			return nil
		}
		return a.collect(i, fields, found)
	})
}

func fieldName(f field) string {
	switch f {
	case inSubject:
		return "subject"
	case inFrom:
		return "from"
	case inTo:
		return "to"
	case inCc:
		return "cc"
	}
	return "bcc"
}
