package apt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is one entry of apt's sources: where to fetch from, and which keys to believe.
type Source struct {
	URIs       []string
	Suites     []string
	Components []string
	SignedBy   string // a path, a fingerprint or a key's text; empty: the machine's trusted keys
}

// keyring is the base name, without an ending, of the keys that Debian signs its archive with.
const keyring = "debian-archive"

// ReadSources returns the machine's own Debian sources for codename (such as "bookworm"), read below etc, which is
// normally /etc/apt. Entries of others, which a machine may well have, are left out: other suites, other keys.
func ReadSources(etc, codename string) ([]Source, error) {
	var files []string
	for _, pattern := range []string{"sources.list", "sources.list.d/*.list", "sources.list.d/*.sources"} {
		found, err := filepath.Glob(filepath.Join(etc, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	var all []Source
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(file, ".sources") {
			all = append(all, parseDeb822(raw)...)
		} else {
			all = append(all, parseList(raw)...)
		}
	}
	var debian []Source
	for _, s := range all {
		s.Suites = slices.DeleteFunc(s.Suites, func(suite string) bool {
			return suite != codename && suite != codename+"-updates" && suite != codename+"-security"
		})
		ours := s.SignedBy == "" || strings.Contains(s.SignedBy, keyring) || strings.HasPrefix(s.SignedBy, "-----BEGIN")
		if len(s.Suites) > 0 && slices.Contains(s.Components, "main") && ours {
			debian = append(debian, s)
		}
	}
	if len(debian) == 0 {
		return nil, fmt.Errorf("no source for Debian %q below %s: the image is made of Debian's packages, so this machine needs Debian's archive (component main) among its apt sources", codename, etc)
	}
	return debian, nil
}

// parseList reads the one-line format: deb [options] URI suite component...
func parseList(raw []byte) []Source {
	var sources []Source
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		var s Source
		if strings.HasPrefix(rest, "[") {
			options, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			rest = after
			for _, o := range strings.Fields(options) {
				if key, value, _ := strings.Cut(o, "="); strings.EqualFold(key, "signed-by") {
					s.SignedBy = value
				}
			}
		}
		words := strings.Fields(rest)
		if len(words) < 3 {
			continue
		}
		s.URIs, s.Suites, s.Components = words[:1], words[1:2], words[2:]
		sources = append(sources, s)
	}
	return sources
}

// parseDeb822 reads stanzas of "Field: value", whose values may go on in lines that begin with a space.
func parseDeb822(raw []byte) []Source {
	var sources []Source
	for stanza := range strings.SplitSeq(string(raw)+"\n", "\n\n") {
		fields := make(map[string]string)
		last := ""
		for line := range strings.Lines(stanza) {
			line = strings.TrimRight(line, "\r\n")
			if strings.HasPrefix(line, "#") {
				continue
			}
			if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
				fields[last] += "\n" + line
				continue
			}
			key, value, ok := strings.Cut(line, ":")
			if !ok {
				continue
			}
			last = strings.ToLower(key)
			fields[last] = strings.TrimSpace(value)
		}
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || strings.EqualFold(fields["enabled"], "no") {
			continue
		}
		sources = append(sources, Source{
			URIs:       strings.Fields(fields["uris"]),
			Suites:     strings.Fields(fields["suites"]),
			Components: strings.Fields(fields["components"]),
			SignedBy:   strings.TrimSpace(fields["signed-by"]),
		})
	}
	return sources
}

// formatSources writes sources in the stanza format, with exactly the given components.
func formatSources(sources []Source, components ...string) []byte {
	var b bytes.Buffer
	for _, s := range sources {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n",
			strings.Join(s.URIs, " "), strings.Join(s.Suites, " "), strings.Join(components, " "))
		if s.SignedBy != "" {
			fmt.Fprintf(&b, "Signed-By: %s\n", s.SignedBy)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Codename returns the Debian release of the machine, read from an os-release file.
func Codename(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var id, codename string
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			id = value
		case "VERSION_CODENAME":
			codename = value
		}
	}
	if id != "debian" || codename == "" {
		return "", errors.New("the image is built on Debian, from Debian's packages; this machine runs " + id)
	}
	return codename, nil
}
