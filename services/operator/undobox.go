package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// jobEvery is how often a running box is asked how far its work has come.
const jobEvery = time.Second

// remote is what was deleted of one person's mail on a running box.
type remote struct {
	box  *box
	base string // "/api/accounts/…/undo"
}

func (b *box) deleted(_ context.Context, address mail.Address) (deleted, error) {
	return &remote{b, "/api/accounts/" + url.PathEscape(address.String()) + "/undo"}, nil
}

// removed lists the people who can be brought back.
func (b *box) removed(ctx context.Context) ([]mail.RemovedAccount, error) {
	var answer struct {
		Accounts []struct {
			ID      string    `json:"id"`
			Address string    `json:"address"`
			Name    string    `json:"name"`
			At      time.Time `json:"at"`
			Until   time.Time `json:"until"`
		} `json:"accounts"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/removed-accounts", nil, &answer); err != nil {
		return nil, err
	}
	var list []mail.RemovedAccount
	for _, a := range answer.Accounts {
		id, err := strconv.ParseUint(strings.TrimPrefix(a.ID, "a"), 36, 32)
		if err != nil {
			return nil, fmt.Errorf("the box shows an account number that is none: %q", a.ID)
		}
		address, err := mail.ParseAddress(a.Address)
		if err != nil {
			return nil, fmt.Errorf("the box shows an address that is none: %q", a.Address)
		}
		list = append(list, mail.RemovedAccount{ID: mail.AccountID(id), Address: address, Name: a.Name, At: a.At, Until: a.Until})
	}
	return list, nil
}

func (b *box) restoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error) {
	in := map[string]string{}
	if address != (mail.Address{}) {
		in["address"] = address.String()
	}
	if password != "" {
		in["password"] = password
	}
	var out person
	if err := b.do(ctx, http.MethodPost, "/api/removed-accounts/"+id.String(), in, &out); err != nil {
		return mail.Account{}, err
	}
	parsed, err := mail.ParseAddress(out.Address)
	if err != nil {
		return mail.Account{}, fmt.Errorf("the box shows an address that is none: %q", out.Address)
	}
	return mail.Account{ID: id, Address: parsed, Name: out.Name}, nil
}

// wireFolder is a folder as the API shows it.
type wireFolder struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Messages uint32    `json:"messages"`
	Size     int64     `json:"size"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
}

func (f *wireFolder) mailbox() (mail.Mailbox, error) {
	id, err := mail.ParseMailboxID(f.ID)
	return mail.Mailbox{ID: id, Name: f.Name, Total: f.Messages, Size: f.Size}, err
}

type wireFolders struct {
	Mailboxes []wireFolder `json:"mailboxes"`
	Deleted   []wireFolder `json:"deleted"`
}

func mailboxes(folders []wireFolder) ([]mail.Mailbox, error) {
	list := make([]mail.Mailbox, len(folders))
	for i := range folders {
		var err error
		if list[i], err = folders[i].mailbox(); err != nil {
			return nil, fmt.Errorf("the box's answer can't be read: %w", err)
		}
	}
	return list, nil
}

// Mailboxes lists the folders there are.
func (r *remote) Mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	var answer wireFolders
	if err := r.box.do(ctx, http.MethodGet, r.base+"/mailboxes", nil, &answer); err != nil {
		return nil, err
	}
	return mailboxes(answer.Mailboxes)
}

// DeletedMailboxes lists those that can be put back.
func (r *remote) DeletedMailboxes(ctx context.Context) ([]mail.DeletedMailbox, error) {
	var answer wireFolders
	if err := r.box.do(ctx, http.MethodGet, r.base+"/mailboxes", nil, &answer); err != nil {
		return nil, err
	}
	list, err := mailboxes(answer.Deleted)
	all := make([]mail.DeletedMailbox, len(list))
	for i, m := range list {
		all[i] = mail.DeletedMailbox{Mailbox: m, At: answer.Deleted[i].At, Until: answer.Deleted[i].Until}
	}
	return all, err
}

// RestoreMailbox puts one back.
func (r *remote) RestoreMailbox(ctx context.Context, id mail.MailboxID) ([]mail.Mailbox, error) {
	var answer wireFolders
	if err := r.box.do(ctx, http.MethodPost, r.base+"/mailboxes/"+id.String(), nil, &answer); err != nil {
		return nil, err
	}
	return mailboxes(answer.Mailboxes)
}

// wirePlace is a message as the API names it.
type wirePlace struct {
	Mailbox string   `json:"mailbox"`
	UID     mail.UID `json:"uid"`
}

func (p wirePlace) place() (mail.Place, error) {
	id, err := mail.ParseMailboxID(p.Mailbox)
	return mail.Place{Mailbox: id, UID: p.UID}, err
}

// Expunged gives one page. Where it ends is the box's own word, kept for the next.
func (r *remote) Expunged(ctx context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error) {
	v := url.Values{}
	if q.Mailbox != 0 {
		v.Set("mailbox", q.Mailbox.String())
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339))
	}
	if !q.Before.IsZero() {
		v.Set("before", q.Before.Format(time.RFC3339))
	}
	if len(q.Words) > 0 {
		v.Set("words", strings.Join(q.Words, " "))
	}
	if q.Moved {
		v.Set("moved", "1")
	}
	if q.After != (mail.ExpungedMark{}) {
		v.Set("after", fmt.Sprintf("%d.%s.%d", q.After.ModSeq, q.After.Place.Mailbox, q.After.Place.UID))
	}
	var answer struct {
		Messages []struct {
			wirePlace
			Name        string    `json:"name"`
			MailboxGone bool      `json:"mailbox_gone"`
			At          time.Time `json:"at"`
			Until       time.Time `json:"until"`
			Moved       bool      `json:"moved"`
			From        string    `json:"from"`
			Subject     string    `json:"subject"`
		} `json:"messages"`
		Next string `json:"next"`
	}
	if err := r.box.do(ctx, http.MethodGet, r.base+"/messages?"+v.Encode(), nil, &answer); err != nil {
		return mail.ExpungedPage{}, err
	}
	page := mail.ExpungedPage{More: answer.Next != ""}
	for _, m := range answer.Messages {
		p, err := m.place()
		if err != nil {
			return page, fmt.Errorf("the box's answer can't be read: %w", err)
		}
		page.Messages = append(page.Messages, mail.Expunged{
			Place: p, Name: m.Name, MailboxGone: m.MailboxGone, At: m.At, Until: m.Until, Moved: m.Moved, From: m.From, Subject: m.Subject,
		})
	}
	if page.More {
		var box string
		if _, err := fmt.Sscanf(strings.ReplaceAll(answer.Next, ".", " "), "%d %s %d", &page.Next.ModSeq, &box, &page.Next.Place.UID); err != nil {
			return page, fmt.Errorf("the box's answer can't be read: %w", err)
		}
		var err error
		if page.Next.Place.Mailbox, err = mail.ParseMailboxID(box); err != nil {
			return page, fmt.Errorf("the box's answer can't be read: %w", err)
		}
	}
	return page, nil
}

// Restore puts messages back.
func (r *remote) Restore(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error) {
	in := map[string]any{}
	var list []wirePlace
	for _, p := range places {
		list = append(list, wirePlace{p.Mailbox.String(), p.UID})
	}
	in["messages"] = list
	if into != 0 {
		in["into"] = into.String()
	}
	var answer struct {
		Messages []struct {
			wirePlace
			Outcome string `json:"outcome"`
		} `json:"messages"`
		Problem struct {
			Message  string `json:"message"`
			WhatToDo string `json:"what_to_do"`
		} `json:"problem"`
	}
	if err := r.box.do(ctx, http.MethodPost, r.base+"/messages", in, &answer); err != nil {
		return nil, err
	}
	var all []mail.Restored
	for _, m := range answer.Messages {
		p, err := m.place()
		outcome, known := map[string]mail.Outcome{"back": mail.OutcomeBack, "there": mail.OutcomeThere, "gone": mail.OutcomeGone}[m.Outcome]
		if err != nil || !known {
			return nil, fmt.Errorf("the box's answer can't be read: %q", m.Outcome)
		}
		all = append(all, mail.Restored{Source: p, Outcome: outcome})
	}
	if answer.Problem.Message != "" {
		return all, errors.New(strings.TrimSpace(answer.Problem.Message + " " + answer.Problem.WhatToDo))
	}
	return all, nil
}

// What a box says of these, in package web's problem.go.
const (
	isOver       = "This can't be brought back any more: the time for that is over."
	noSuchFolder = "There is no such folder, or was none at that time."
)

// RestoreAsOf begins the box's work and asks how far it has come until it ends.
// When ctx ends, the work is stopped.
func (r *remote) RestoreAsOf(ctx context.Context, a mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error) {
	in := map[string]any{"at": a.At.Format(time.RFC3339Nano), "in_place": a.InPlace}
	if a.Mailbox != 0 {
		in["mailbox"] = a.Mailbox.String()
	}
	if a.Folder != "" {
		in["folder"] = a.Folder
	}
	type state struct {
		ID        string `json:"id"`
		State     string `json:"state"`
		Step      string `json:"step"`
		Done      int64  `json:"done"`
		Total     int64  `json:"total"`
		Folder    string `json:"folder"`
		Mailboxes int    `json:"mailboxes"`
		Back      int    `json:"back"`
		There     int    `json:"there"`
		Flagged   int    `json:"flagged"`
		Gone      int    `json:"gone"`
		Problem   struct {
			Message  string `json:"message"`
			WhatToDo string `json:"what_to_do"`
		} `json:"problem"`
	}
	var job state
	if err := r.box.do(ctx, http.MethodPost, r.base+"/as-of", in, &job); err != nil {
		return mail.RestoredAsOf{}, err
	}
	path := "/api/jobs/" + url.PathEscape(job.ID)
	for job.State == "running" {
		select {
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
			defer cancel()
			return mail.RestoredAsOf{}, errors.Join(ctx.Err(), r.box.do(stop, http.MethodDelete, path, nil, nil))
		case <-time.After(jobEvery):
		}
		job = state{}
		if err := r.box.do(ctx, http.MethodGet, path, nil, &job); err != nil {
			return mail.RestoredAsOf{}, err
		}
		tell(mail.Progress{Reading: job.Step == "reading", Done: job.Done, Total: job.Total})
	}
	done := mail.RestoredAsOf{Folder: job.Folder, Mailboxes: job.Mailboxes, Back: job.Back, There: job.There, Flagged: job.Flagged, Gone: job.Gone}
	switch job.State {
	case "done":
		return done, nil
	case "stopped":
		return done, context.Canceled
	}
	switch job.Problem.Message { // the box has no status for the end of a job
	case isOver:
		return done, mail.ErrGone
	case noSuchFolder:
		return done, mail.ErrNoMailbox
	}
	return done, errors.New(said(job.Problem.Message, job.Problem.WhatToDo))
}
