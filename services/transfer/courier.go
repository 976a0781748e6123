package transfer

import (
	"io"
	"path"
	"strconv"
	"strings"
)

// Courier keeps the keywords of a Maildir folder's messages beside it, in a file: the
// keywords, one in a line; an empty line; then for each message that has any the name of
// its file without the flags, a colon, and the numbers of its keywords, from 0. (What it
// changed last may stand in further files there for a few minutes; these are not read.)
const (
	courierDir  = "courierimapkeywords"
	courierFile = ":list"
	// maxCourier bounds what is read of it, in bytes: a hundred thousand messages.
	maxCourier = 8 << 20
)

// courierKeys are the keywords of one folder.
type courierKeys struct {
	dir string // of the folder
	of  map[string][]string
}

// courier reads the keywords of a folder, which come before its messages.
func (r *reader) courier(f file, dir string) error {
	c, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(c, maxCourier))
	if err != nil {
		return err
	}
	r.courierKeys = courierKeys{path.Dir(dir), parseCourier(string(text))}
	return nil
}

// parseCourier gives the keywords by the names of files. What makes no sense in it is
// passed over.
func parseCourier(text string) map[string][]string {
	var names []string
	of := map[string][]string{}
	inNames := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch colon := strings.LastIndexByte(line, ':'); {
		case inNames && line == "":
			inNames = false
		case inNames:
			names = append(names, line)
		case colon > 0:
			for number := range strings.FieldsSeq(line[colon+1:]) {
				if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(names) && len(of[line[:colon]]) < len(names) {
					of[line[:colon]] = append(of[line[:colon]], names[i])
				}
			}
		}
	}
	return of
}
