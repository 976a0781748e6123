package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// diskShelf has what is in it.
type diskShelf struct {
	list []Disk
	err  error
}

func (s *diskShelf) Disks(context.Context) ([]Disk, error) { return s.list, s.err }

// TestDisks: all are shown, the box's own with how it is; for administrators.
func TestDisks(t *testing.T) {
	t.Parallel()
	shelf := &diskShelf{list: []Disk{
		{Device: "sda", Model: "Good", Bytes: 1000, Own: true, Total: 900, Free: 500, Health: &DiskHealth{Worn: 95, Celsius: -1}, Findings: []mail.Finding{{What: "It is worn.", ToDo: "Order one."}}},
		{Device: "sdb", Bytes: 64},
	}}
	b := setUpBox(t, func(o *Options) { o.Disks = shelf })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	b.want(b.do("GET", "/api/disks", ""), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/api/disks", "", alice...), http.StatusForbidden, "")
	want := `{"disks":[{"device":"sda","model":"Good","bytes":1000,"own":true,"total":900,"free":500,
		"health":{"failing":false,"reallocated":0,"pending":0,"errors":0,"worn":95,"celsius":-1,"hours":0},"findings":[{"what":"It is worn.","what_to_do":"Order one."}]},
		{"device":"sdb","bytes":64,"own":false,"findings":[]}]}`
	if got := strings.TrimSpace(b.do("GET", "/api/disks", "", admin...).Body.String()); !sameJSON(got, want) {
		t.Errorf("GET /api/disks = %s; want %s", got, want)
	}
	shelf.err = errors.New("PID 1 doesn't answer")
	b.want(b.do("GET", "/api/disks", "", admin...), http.StatusServiceUnavailable, "")
}
