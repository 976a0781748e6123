package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxInLine is how many messages one line for the trace is about.
	maxInLine = 4096
	// maxStanding is how many messages of a folder that is back are noted, as many as when it
	// went (office, maxLeftMessages).
	maxStanding = 100_000
)

// undoRequest is who asks, and whose mail it is about.
type undoRequest struct {
	who   caller
	whose mail.Account
	mail  Deleted
}

type undoHandler func(w http.ResponseWriter, r *http.Request, u *undoRequest) error

// ownUndo is for everybody's own mail.
func (s *Server) ownUndo(h undoHandler) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		account, err := s.opt.Accounts.Account(r.Context(), who.Account)
		if err != nil {
			return err
		}
		return s.withMail(w, r, &undoRequest{who: who, whose: account}, h)
	}
}

// anyUndo is for an administrator and anybody's mail.
func (s *Server) anyUndo(h undoHandler) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		account, err := s.reach(r.Context(), &who, r.PathValue("address"))
		if err != nil {
			return err
		}
		return s.withMail(w, r, &undoRequest{who: who, whose: account}, h)
	}
}

func (s *Server) withMail(w http.ResponseWriter, r *http.Request, u *undoRequest, h undoHandler) error {
	var err error
	if u.mail, err = s.opt.Undo.Deleted(r.Context(), u.whose.ID); err != nil {
		return err
	}
	return h(w, r, u)
}

// undone logs what somebody brought back.
func (s *Server) undone(r *http.Request, u *undoRequest, what string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("account", u.whose.Address.String()), slog.String("by", u.who.Address.String()))
	s.log.LogAttrs(r.Context(), slog.LevelInfo, what, attrs...)
}

// place is a message as the API names it.
type place struct {
	Mailbox string   `json:"mailbox"`
	UID     mail.UID `json:"uid"`
}

func placeOf(p mail.Place) *place {
	if p == (mail.Place{}) {
		return nil
	}
	return &place{p.Mailbox.String(), p.UID}
}

func (p place) parse() (mail.Place, error) {
	id, err := parseMailbox(p.Mailbox)
	return mail.Place{Mailbox: id, UID: p.UID}, err
}

func parseMailbox(text string) (mail.MailboxID, error) {
	id, err := mail.ParseMailboxID(text)
	if err != nil {
		return 0, &Problem{Status: http.StatusBadRequest, Field: "mailbox", Message: "This isn't a folder's ID.", Cause: err}
	}
	return id, nil
}

// expunged is a deleted message as the API shows it.
type expunged struct {
	place
	Name        string    `json:"name"`
	MailboxGone bool      `json:"mailbox_gone"`
	At          time.Time `json:"at"`
	Until       time.Time `json:"until"`
	Moved       bool      `json:"moved"`
	Back        bool      `json:"back"`
	From        string    `json:"from"`
	Subject     string    `json:"subject"`
	Received    time.Time `json:"received"`
	Size        int64     `json:"size"`
	Flags       []string  `json:"flags"`
	Email       string    `json:"email"`
}

// getExpungedAnswer is what getExpunged gives.
type getExpungedAnswer struct {
	Messages []expunged `json:"messages"`
	Next     string     `json:"next,omitempty"`
}

// getExpunged is GET …/undo/messages: one page of what can be put back, newest
// first. Its parameters are mailbox (an ID), since and before (RFC 3339), words,
// moved and back (1), limit, and after (next of the page before).
func (s *Server) getExpunged(w http.ResponseWriter, r *http.Request, u *undoRequest) error {
	q, err := expungedQuery(r.URL.Query())
	if err != nil {
		return err
	}
	page, err := u.mail.Expunged(r.Context(), q)
	if err != nil {
		return err
	}
	answer := getExpungedAnswer{Messages: make([]expunged, len(page.Messages))}
	for i, e := range page.Messages {
		answer.Messages[i] = expunged{
			place: *placeOf(e.Place), Name: e.Name, MailboxGone: e.MailboxGone, At: e.At, Until: e.Until, Moved: e.Moved, Back: e.Back,
			From: e.From, Subject: e.Subject, Received: e.Row.Internal, Size: e.Row.Size, Flags: append([]string{}, e.Row.Flags.Names()...), Email: e.Row.Email.String(),
		}
	}
	if page.More {
		answer.Next = markText(page.Next)
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

func expungedQuery(v url.Values) (q mail.ExpungedQuery, err error) {
	bad := func(field, message string) (mail.ExpungedQuery, error) {
		return q, &Problem{Status: http.StatusBadRequest, Field: field, Message: message}
	}
	for name, values := range v {
		value := values[0]
		switch name {
		case "mailbox":
			if q.Mailbox, err = parseMailbox(value); err != nil {
				return q, err
			}
		case "since":
			if q.Since, err = time.Parse(time.RFC3339, value); err != nil {
				return bad(name, "This isn't a time such as 2026-11-22T14:05:00Z.")
			}
		case "before":
			if q.Before, err = time.Parse(time.RFC3339, value); err != nil {
				return bad(name, "This isn't a time such as 2026-11-22T14:05:00Z.")
			}
		case "words":
			if q.Words = strings.Fields(value); len(q.Words) > maxWords || len(value) > maxWords*maxWord {
				return bad(name, "These are too many words.")
			}
		case "moved":
			q.Moved = value == "1"
		case "back":
			q.Back = value == "1"
		case "limit":
			if q.Limit, err = strconv.Atoi(value); err != nil || q.Limit < 1 {
				return bad(name, "This isn't a number of messages.")
			}
		case "after":
			if q.After, err = parseMark(value); err != nil {
				return bad(name, "This isn't the end of an earlier page.")
			}
		default:
			return bad(name, "The box doesn't know this parameter.")
		}
	}
	return q, nil
}

// markText is how the API writes how far a list has come.
func markText(m mail.ExpungedMark) string {
	return fmt.Sprintf("%d.%s.%d", m.ModSeq, m.Place.Mailbox, m.Place.UID)
}

func parseMark(text string) (m mail.ExpungedMark, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return m, fmt.Errorf("%q has not three parts", text)
	}
	seq, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil {
		return m, err
	}
	m.ModSeq = mail.ModSeq(seq)
	if m.Place.Mailbox, err = mail.ParseMailboxID(parts[1]); err != nil {
		return m, err
	}
	uid, err := strconv.ParseUint(parts[2], 10, 32)
	m.Place.UID = mail.UID(uid)
	return m, err
}

// restored is what became of one message.
type restored struct {
	place
	Outcome string `json:"outcome"` // back, there (it was already), gone
	Now     *place `json:"now,omitempty"`
}

func outcomeText(o mail.Outcome) string { return [...]string{"back", "there", "gone"}[o] }

// postExpungedBody is what postExpunged takes.
type postExpungedBody struct {
	Messages []place `json:"messages"`
	Into     string  `json:"into"`
}

// postExpungedAnswer is what postExpunged gives.
type postExpungedAnswer struct {
	Messages []restored `json:"messages"`
	// Problem says why it went no further than Messages.
	Problem *Problem `json:"problem,omitempty"`
}

// postExpunged is POST …/undo/messages: puts messages back, into the mailbox
// into (an ID) or where they were.
func (s *Server) postExpunged(w http.ResponseWriter, r *http.Request, u *undoRequest) error {
	var in postExpungedBody
	if err := decodeUpTo(w, r, &in, maxUndo); err != nil {
		return err
	}
	if n := len(in.Messages); n == 0 || n > mail.MaxExpungedPage {
		return &Problem{Status: http.StatusBadRequest, Field: "messages", Message: fmt.Sprintf("Name 1 to %d messages.", mail.MaxExpungedPage)}
	}
	places := make([]mail.Place, len(in.Messages))
	into := mail.MailboxID(0)
	var err error
	for i, m := range in.Messages {
		if places[i], err = m.parse(); err != nil {
			return err
		}
	}
	if in.Into != "" {
		if into, err = mail.ParseMailboxID(in.Into); err != nil {
			return &Problem{Status: http.StatusBadRequest, Field: "into", Message: "This isn't a folder's ID.", Cause: err}
		}
	}
	done, err := u.mail.Restore(r.Context(), places, into)
	if err != nil && len(done) == 0 {
		return err
	}
	s.undone(r, u, "messages restored", slog.Int("messages", len(done)), slog.Int("asked", len(places)), s.restoredOnes(r.Context(), u, backOf(done)))
	answer := postExpungedAnswer{Messages: make([]restored, len(done))}
	if err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "not all messages were restored", slog.String("account", u.whose.Address.String()), slog.Any("error", err))
		answer.Problem = problem(err)
	}
	for i, d := range done {
		answer.Messages[i] = restored{*placeOf(d.Source), outcomeText(d.Outcome), placeOf(d.Target)}
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// backOf are the places of messages that have come back.
func backOf(done []mail.Restored) (back []mail.Place) {
	for _, d := range done {
		if d.Outcome == mail.OutcomeBack {
			back = append(back, d.Target)
		}
	}
	return back
}

// cameBack notes for the trace which messages have come back with others.
func (s *Server) cameBack(ctx context.Context, u *undoRequest, back []mail.Place, how slog.Attr) {
	for piece := range slices.Chunk(back, maxInLine) {
		s.log.LogAttrs(ctx, slog.LevelInfo, "messages restored", slog.Int("messages", len(piece)), how,
			slog.String("account", u.whose.Address.String()), slog.String("by", u.who.Address.String()), s.restoredOnes(ctx, u, piece))
	}
}

// restoredOnes says which messages have come back, for the trace alone.
func (s *Server) restoredOnes(ctx context.Context, u *undoRequest, back []mail.Place) slog.Attr {
	of, err := u.mail.Traced(ctx, back)
	if err != nil || len(of) == 0 {
		return slog.Attr{} // they are back, which is what counts
	}
	return slog.Group("private", slog.Any("messages", of))
}

// folder is a mailbox as the API shows it.
type folder struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Messages uint32     `json:"messages"`
	Size     int64      `json:"size"`
	At       *time.Time `json:"at,omitempty"`    // when it was deleted
	Until    *time.Time `json:"until,omitempty"` // until when it can be put back
}

func folderOf(m mail.Mailbox) folder {
	return folder{ID: m.ID.String(), Name: m.Name, Messages: m.Total, Size: m.Size}
}

// getDeletedMailboxesAnswer is what getDeletedMailboxes gives.
type getDeletedMailboxesAnswer struct {
	Mailboxes []folder `json:"mailboxes"`
	Deleted   []folder `json:"deleted"`
}

// getDeletedMailboxes is GET …/undo/mailboxes: those there are, and those that
// can be put back.
func (s *Server) getDeletedMailboxes(w http.ResponseWriter, r *http.Request, u *undoRequest) error {
	living, err := u.mail.Mailboxes(r.Context())
	if err != nil {
		return err
	}
	deleted, err := u.mail.DeletedMailboxes(r.Context())
	if err != nil {
		return err
	}
	answer := getDeletedMailboxesAnswer{make([]folder, len(living)), make([]folder, len(deleted))}
	for i, m := range living {
		answer.Mailboxes[i] = folderOf(m)
	}
	for i, m := range deleted {
		answer.Deleted[i] = folderOf(m.Mailbox)
		answer.Deleted[i].At, answer.Deleted[i].Until = &m.At, &m.Until
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// postDeletedMailboxAnswer is what postDeletedMailbox gives.
type postDeletedMailboxAnswer struct {
	Mailboxes []folder `json:"mailboxes"`
}

// postDeletedMailbox is POST …/undo/mailboxes/{id}: puts a mailbox back, with
// what was deleted below it, and says under which names.
func (s *Server) postDeletedMailbox(w http.ResponseWriter, r *http.Request, u *undoRequest) error {
	id, err := parseMailbox(r.PathValue("id"))
	if err != nil {
		return err
	}
	back, err := u.mail.RestoreMailbox(r.Context(), id)
	if err != nil {
		return err
	}
	s.undone(r, u, "mailbox restored", slog.String("mailbox", id.String()))
	for _, m := range back {
		s.cameBack(context.WithoutCancel(r.Context()), u, standing(r.Context(), u, m.ID), slog.String("folder", m.Name))
	}
	answer := postDeletedMailboxAnswer{make([]folder, len(back))}
	for i, m := range back {
		answer.Mailboxes[i] = folderOf(m)
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// standing are the messages of a mailbox, as far as the trace is to have them and they can
// be read: they are back, which is what counts.
func standing(ctx context.Context, u *undoRequest, id mail.MailboxID) (places []mail.Place) {
	for row, err := range u.mail.Rows(ctx, id, mail.UIDSet{{First: 1, Last: ^mail.UID(0)}}) {
		if err != nil || len(places) == maxStanding {
			break
		}
		places = append(places, mail.Place{Mailbox: id, UID: row.UID})
	}
	return places
}

// removedPerson is somebody who was removed, as the API shows them.
type removedPerson struct {
	ID      string    `json:"id"`
	Address string    `json:"address"`
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`
}

// getRemovedAccountsAnswer is what getRemovedAccounts gives.
type getRemovedAccountsAnswer struct {
	Accounts []removedPerson `json:"accounts"`
}

// getRemovedAccounts is GET /api/removed-accounts.
func (s *Server) getRemovedAccounts(w http.ResponseWriter, r *http.Request, _ caller) error {
	list, err := s.opt.Undo.RemovedAccounts(r.Context())
	if err != nil {
		return err
	}
	answer := getRemovedAccountsAnswer{make([]removedPerson, len(list))}
	for i, a := range list {
		answer.Accounts[i] = removedPerson{a.ID.String(), a.Address.String(), a.Name, a.At, a.Until}
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// postRemovedAccountBody is what postRemovedAccount takes.
type postRemovedAccountBody struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// postRemovedAccount is POST /api/removed-accounts/{id}: brings a person back,
// under another address and with a new password where these are given.
func (s *Server) postRemovedAccount(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postRemovedAccountBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(r.PathValue("id"), "a"), 36, 32)
	if err != nil || mail.AccountID(id).String() != r.PathValue("id") {
		return mail.ErrNoAccount
	}
	var address mail.Address
	if in.Address != "" {
		if address, err = parseAddress(in.Address); err != nil {
			return mail.ErrAddress
		}
	}
	account, err := s.opt.Undo.RestoreAccount(r.Context(), mail.AccountID(id), address, in.Password)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "account restored", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, p)
	return nil
}
