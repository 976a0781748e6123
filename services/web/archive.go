package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// Archives moves whole accounts out of the box and into it.
type Archives interface {
	// Export writes all mail of an account as a stream: Maildir as tar, mbox as zip.
	Export(ctx context.Context, account mail.AccountID, format transfer.Format, w io.Writer) (transfer.Exported, error)
	// Import reads an archive into an account, below a folder if one is named. What
	// the Summary counts is durable, also with an error. Errors are those of
	// transfer.Import.
	Import(ctx context.Context, account mail.AccountID, into string, archive *transfer.Archive) (transfer.Summary, error)
}

// completeTrailer comes behind an archive that is whole: its end alone does not
// tell it from one that broke off between two files.
const completeTrailer = "Sanduk-Complete"

// getMail is GET /api/accounts/{address}/mail?format=maildir|mbox: all mail of a
// person, as a tar or zip stream; GET /api/me/mail gives one's own.
func (s *Server) getMail(w http.ResponseWriter, r *http.Request, who caller) error {
	account, leave, err := s.archives(r, who)
	if err != nil {
		return err
	}
	defer leave()
	format, kind, ext := transfer.Format(r.FormValue("format")), "application/x-tar", "tar"
	switch format {
	case transfer.Mbox:
		kind, ext = "application/zip", "zip"
	case transfer.Maildir, "":
		format = transfer.Maildir
	default:
		return &Problem{Status: http.StatusBadRequest, Field: "format", Message: "There is no such format.", WhatToDo: "Ask for maildir or mbox."}
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "mail exported", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, fileName(account.Address), ext))
	w.Header().Set("Trailer", completeTrailer)
	p := &patience{control: http.NewResponseController(w), now: s.now}
	out := &patientWriter{w, p}
	done, err := s.opt.Archives.Export(r.Context(), account.ID, format, out)
	if err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "export broke off", slog.String("account", account.Address.String()), slog.Any("error", err))
		// Part of the answer is out: only a connection that breaks says that it
		// is not all.
		panic(http.ErrAbortHandler)
	}
	w.Header().Set(completeTrailer, fmt.Sprintf("messages=%d; failed=%d; folders=%d; bytes=%d", done.Messages, done.Failed, done.Folders, done.Bytes))
	return nil
}

// fileName is an address as a file name.
func fileName(a mail.Address) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("@.-_+", r) {
			return r
		}
		return '_'
	}, strings.ToLower(a.String()))
}

// postMail is POST /api/accounts/{address}/mail?into=FOLDER&name=NAME with an
// mbox or a tar as its body: 200 and what has been done. name is what the folder
// of an mbox is called. POST /api/me/mail adds to one's own.
func (s *Server) postMail(w http.ResponseWriter, r *http.Request, who caller) error {
	account, leave, err := s.archives(r, who)
	if err != nil {
		return err
	}
	defer leave()
	query := r.URL.Query()
	into := query.Get("into")
	if into != "" {
		if _, err := mail.MailboxName(into); err != nil {
			return problemFolder(err)
		}
	}
	p := &patience{control: http.NewResponseController(w), now: s.now}
	archive, err := transfer.OpenStream(&patientReader{r.Body, p}, query.Get("name"))
	if errors.Is(err, transfer.ErrUnknown) {
		return &Problem{Status: http.StatusUnsupportedMediaType, Message: "This is no mail that the box can read.",
			WhatToDo: "Send an mbox file or a tar of Maildirs or mbox files, also with gzip.", Cause: err}
	}
	if err != nil {
		return err
	}
	done, err := s.opt.Archives.Import(r.Context(), account.ID, into, archive)
	p.extend()
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "mail imported", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()),
		slog.Int("imported", done.Imported), slog.Int("present", done.Present), slog.Int("failed", done.Failed+done.TooLarge), slog.Any("error", err))
	if err != nil {
		return partly(done, err)
	}
	s.reply(w, r, http.StatusOK, summary(done))
	return nil
}

func problemFolder(err error) *Problem {
	return &Problem{Status: http.StatusBadRequest, Field: "into", Message: "That is no possible folder name.",
		WhatToDo: "Put one / between levels, and leave none of them empty.", Cause: err}
}

// partly says what became of an import that ended before its time.
func partly(done transfer.Summary, err error) *Problem {
	p := *problem(err)
	if errors.Is(err, mail.ErrOverQuota) {
		p.Status, p.Message, p.WhatToDo = http.StatusInsufficientStorage, "This person's mailbox is full.", "Allow more space for it."
	}
	if p.Status == http.StatusServiceUnavailable {
		p.Message = "The mail could not be read to its end."
		p.WhatToDo = "Try again."
	}
	p.Message += fmt.Sprintf(" %d messages are in and stay.", done.Imported)
	p.WhatToDo += " Import the same again then: what is in is left out."
	p.Cause = err
	return &p
}

// summaryJSON is the answer to an import.
type summaryJSON struct {
	Imported int      `json:"imported"`
	Bytes    int64    `json:"bytes"`
	Present  int      `json:"present"`
	TooLarge int      `json:"too_large"`
	Gone     int      `json:"gone"`
	Failed   int      `json:"failed"`
	Folders  int      `json:"folders"`
	Problems []string `json:"problems,omitempty"`
	Omitted  int      `json:"omitted,omitempty"`
}

func summary(s transfer.Summary) summaryJSON { return summaryJSON(s) }

// archives finds the account, which is one's own where the path names none, and lets
// few in at a time; whoever is in leaves.
func (s *Server) archives(r *http.Request, who caller) (mail.Account, func(), error) {
	if s.opt.Archives == nil {
		return mail.Account{}, nil, &Problem{Status: http.StatusNotFound, Message: "This box moves no mail in or out here."}
	}
	var account mail.Account
	var own mail.AccountID
	var err error
	if address := r.PathValue("address"); address != "" {
		account, err = s.find(r.Context(), address)
	} else {
		own = who.Account
		account, err = s.opt.Accounts.Account(r.Context(), own)
	}
	if err != nil {
		return mail.Account{}, nil, err
	}
	leave, ok := s.moving.enter(own)
	if !ok {
		return mail.Account{}, nil, &Problem{Status: http.StatusTooManyRequests, Retry: time.Minute, Message: "Other mail is being moved in or out this moment.",
			WhatToDo: "Wait until that is done, then try again."}
	}
	return account, leave, nil
}

// patience gives a transfer that goes on as much time as it takes: the deadlines
// move while bytes do.
type patience struct {
	control *http.ResponseController
	now     func() time.Time
	last    time.Time
}

// patienceEvery is how often deadlines are moved; each time costs a lock or two.
const patienceEvery = 5 * time.Second

func (p *patience) extend() {
	now := p.now()
	if now.Sub(p.last) < patienceEvery {
		return
	}
	p.last = now
	// Not supported by a test's recorder: then there is no deadline either.
	_ = p.control.SetReadDeadline(now.Add(readTimeout))
	_ = p.control.SetWriteDeadline(now.Add(writeTimeout))
}

type patientReader struct {
	io.Reader
	*patience
}

func (r *patientReader) Read(b []byte) (int, error) {
	r.extend()
	return r.Reader.Read(b)
}

type patientWriter struct {
	io.Writer
	*patience
}

func (w *patientWriter) Write(b []byte) (int, error) {
	w.extend()
	return w.Writer.Write(b)
}
