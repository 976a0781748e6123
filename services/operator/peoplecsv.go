package operator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxPeopleFile and maxPeople bound what is read: many times the largest office.
	maxPeopleFile = 1 << 20
	maxPeople     = 5000
)

// newcomer is somebody in a table.
type newcomer struct {
	line     int
	name     string
	address  mail.Address
	password string
	made     bool // the password was made here
}

// userImport is boxctl user import FILE: a table with the columns address, name and
// password, of which the first is needed. Nobody is added unless all lines can be.
func userImport(ctx context.Context, t *task) error {
	file, err := os.Open(t.args[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxPeopleFile+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", t.args[0], err)
	}
	people, err := readPeople(text)
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		there, err := p.people(ctx)
		if err != nil {
			return err
		}
		known := map[mail.CanonicalAddress]bool{}
		for _, a := range there {
			known[a.Address.Canonical()] = true
		}
		var bad []error
		for _, n := range people {
			if known[n.address.Canonical()] {
				bad = append(bad, fmt.Errorf("line %d: there is somebody with the address %s", n.line, n.address))
			}
			known[n.address.Canonical()] = true
		}
		if len(bad) > 0 {
			return errors.Join(append(bad, errors.New("nobody was added"))...)
		}
		return addPeople(ctx, t, p, people)
	})
}

// addPeople adds them one after the other, and writes the passwords that were made as a
// table to the standard output.
func addPeople(ctx context.Context, t *task, p place, people []newcomer) error {
	made := csv.NewWriter(t.Out)
	for i, n := range people {
		if err := p.add(ctx, mail.Account{Address: n.address, Name: n.name}, n.password); err != nil {
			made.Flush()
			return fmt.Errorf("line %d, %s: %w (%d of %d people were added)", n.line, n.address, err, i, len(people))
		}
		if n.made {
			if err := made.Write([]string{n.address.String(), n.password}); err != nil {
				return err
			}
		}
	}
	made.Flush()
	fmt.Fprintf(t.Err, "%d people have been added. Passwords that were made stand above, this once.\n", len(people))
	return made.Error()
}

// readPeople reads a table with commas or semicolons. The error names all lines that are
// wrong.
func readPeople(text []byte) ([]newcomer, error) {
	if len(text) > maxPeopleFile {
		return nil, fmt.Errorf("this is more than a table of people has: %d bytes", maxPeopleFile)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	table := csv.NewReader(bytes.NewReader(text))
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		table.Comma = ';'
	}
	table.FieldsPerRecord, table.TrimLeadingSpace = -1, true
	head, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	columns := map[string]int{}
	for i, name := range head {
		columns[strings.ToLower(strings.TrimSpace(name))] = i
	}
	if _, there := columns["address"]; !there {
		return nil, errors.New("the first line names the columns: address, name, password; the address is missing there")
	}
	var people []newcomer
	var bad []error
	for {
		row, err := table.Read()
		switch {
		case errors.Is(err, io.EOF) && len(bad) == 0:
			return people, nil
		case errors.Is(err, io.EOF):
			return nil, errors.Join(append(bad, errors.New("nobody was added"))...)
		case err != nil:
			return nil, fmt.Errorf("read the table: %w", err)
		case len(people) >= maxPeople:
			return nil, fmt.Errorf("these are more than %d people", maxPeople)
		}
		line, _ := table.FieldPos(0)
		n, err := readNewcomer(row, columns)
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		n.line = line
		people = append(people, n)
	}
}

func readNewcomer(row []string, columns map[string]int) (newcomer, error) {
	cell := func(name string) string {
		if i, there := columns[name]; there && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	address, err := mail.ParseAddress(cell("address"))
	if err != nil {
		return newcomer{}, fmt.Errorf("%q is no address", cell("address"))
	}
	n := newcomer{name: strings.TrimPrefix(cell("name"), "'"), address: address, password: cell("password")}
	if n.password == "" {
		n.password, n.made = strings.ToLower(rand.Text()[:20]), true // 100 bits
	}
	return n, auth.CheckPassword(address, n.password)
}

// userExport is boxctl user export: the people as a table.
func userExport(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error { return b.fetch(ctx, "/api/people.csv", t.Out) })
}
