package web

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// getPeopleCSV is GET /api/people.csv: the people whom who asks looks after, one in a line,
// as tables read it (RFC 4180, UTF-8 with a mark, for Excel).
func (s *Server) getPeopleCSV(w http.ResponseWriter, r *http.Request, who caller) error {
	accounts, err := s.opt.Accounts.Accounts(r.Context())
	if err != nil {
		return err
	}
	addresses := map[mail.AccountID]*[2][]string{} // aliases, groups
	if s.opt.Addresses != nil {
		if addresses, err = s.addressesOf(r, accounts); err != nil {
			return err
		}
	}
	slices.SortFunc(accounts, func(a, b mail.Account) int { return cmp.Compare(a.Address.String(), b.Address.String()) })
	var text bytes.Buffer
	text.WriteString("\uFEFF")
	table := csv.NewWriter(&text)
	table.UseCRLF = true
	_ = table.Write([]string{"name", "address", "role", "aliases", "groups", "quota_bytes", "used_bytes", "messages", "disabled", "since"}) // a Buffer takes all
	for _, a := range accounts {
		if !who.looksAfter(a.Address) {
			continue
		}
		p, err := s.person(r.Context(), a)
		if err != nil {
			return err
		}
		of := addresses[a.ID]
		if of == nil {
			of = &[2][]string{}
		}
		row := []string{
			p.Name, p.Address, string(p.Role), strings.Join(of[0], " "), strings.Join(of[1], " "), strconv.FormatInt(p.QuotaBytes, 10),
			strconv.FormatInt(p.UsedBytes, 10), strconv.FormatInt(p.UsedMessages, 10), strconv.FormatBool(p.Disabled), p.Created.UTC().Format(time.DateOnly),
		}
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		_ = table.Write(row)
	}
	table.Flush()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="people.csv"`)
	_, _ = w.Write(text.Bytes()) // the reader is gone when this fails
	return nil
}

// addressesOf gives the aliases and the groups in which people are.
func (s *Server) addressesOf(r *http.Request, accounts []mail.Account) (map[mail.AccountID]*[2][]string, error) {
	listings, err := s.opt.Addresses.Listings(r.Context())
	if err != nil {
		return nil, err
	}
	ids, of := map[mail.Address]mail.AccountID{}, map[mail.AccountID]*[2][]string{}
	for _, a := range accounts {
		ids[a.Address], of[a.ID] = a.ID, &[2][]string{}
	}
	for _, l := range listings {
		for _, m := range l.Members {
			id, here := ids[m.Address]
			if !here {
				continue
			}
			kind := 0
			if l.Kind == mail.ListingGroup {
				kind = 1
			}
			of[id][kind] = append(of[id][kind], l.Address.String())
		}
	}
	return of, nil
}

// harmless is a cell that no table takes for a formula (CWE-1236): people choose their names.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
