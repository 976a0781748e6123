package zone

import (
	"fmt"
	"io"
	"strings"
)

// ttl of the records in a file: an hour, as long as a mistake may last.
const ttl = 3600

// WriteFile writes the records as a fragment of a zone file (RFC 1035 §5.1), with names
// that are absolute, so that it fits into any. What is not for the domains' own zones,
// not yet to be published, or to be filled in stands there as a comment; so do notes.
func WriteFile(w io.Writer, records []Record, notes []string) error {
	var b strings.Builder
	b.WriteString("; What this office's mail needs in DNS. Lines that begin with \";\" are for you to read.\n")
	for _, note := range notes {
		fmt.Fprintf(&b, "\n; %s\n", note)
	}
	about := ""
	for _, r := range records {
		if r.About != about {
			about = r.About
			fmt.Fprintf(&b, "\n; %s\n", about)
		}
		switch {
		case r.Value == "":
			fmt.Fprintf(&b, "; %s. %d IN %s (the address under which the office is reached from outside)\n", r.Name, ttl, r.Type)
		case r.Type == "PTR":
			fmt.Fprintf(&b, "; %s. %d IN PTR %s (only your Internet provider can set this)\n", r.Name, ttl, r.Data())
		case r.Need == Later:
			fmt.Fprintf(&b, "; not yet: %s. %d IN %s %s\n", r.Name, ttl, r.Type, r.Data())
		default:
			fmt.Fprintf(&b, "%s. %d IN %s %s\n", r.Name, ttl, r.Type, r.Data())
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write zone file: %w", err)
	}
	return nil
}
