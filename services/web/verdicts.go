package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Verdicts is what was found out about messages when they came. Errors: mail.ErrNoMailbox,
// mail.ErrNoMessage, or the box's own trouble.
type Verdicts interface {
	// Verdicts gives what is known of a message; judged is false for one that did not
	// come from outside, or before anybody judged.
	Verdicts(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uid mail.UID) (list []mail.Verdict, judged bool, err error)
}

// verdict is a mail.Verdict as the API shows it.
type verdict struct {
	Method string `json:"method"`
	Result string `json:"result"`
	Reason string `json:"reason"`
}

// getVerdictsAnswer is what getVerdicts gives.
type getVerdictsAnswer struct {
	Judged   bool      `json:"judged"`
	Verdicts []verdict `json:"verdicts"`
}

// getVerdicts is GET /api/accounts/{address}/verdicts/{mailbox}/{uid}: what was found out
// about one message of a person, in words. Nothing of the message itself is told.
func (s *Server) getVerdicts(w http.ResponseWriter, r *http.Request, who caller) error {
	if s.opt.Verdicts == nil {
		return &Problem{Status: http.StatusNotFound, Message: "This box doesn't say what is known of mail."}
	}
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	mailbox, err := parseMailbox(r.PathValue("mailbox"))
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(r.PathValue("uid"), 10, 32)
	if err != nil || uid == 0 {
		return mail.ErrNoMessage
	}
	list, judged, err := s.opt.Verdicts.Verdicts(r.Context(), account.ID, mailbox, mail.UID(uid))
	if err != nil {
		return err
	}
	shown := make([]verdict, len(list))
	for i, v := range list {
		shown[i] = verdict(v)
	}
	s.reply(w, r, http.StatusOK, getVerdictsAnswer{judged, shown})
	return nil
}
