package collect

import (
	"context"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/setup"
)

const (
	// tryTime bounds a trial: somebody sits and waits.
	tryTime = 25 * time.Second
	// maxNames is how many folders of a mailbox are shown.
	maxNames = 1000
)

// Trial is what came of trying a source out.
type Trial struct {
	Problem  string   // in plain words, with what to do; "": it works
	Messages int      // that are there, in INBOX
	New      int      // of these, not collected yet; what is larger than the box takes counts too
	Folders  []string // by IMAP, by name
	Idle     bool     // the server says by itself when there is mail
}

// Try connects and logs in to a source as collecting does and looks what is there.
// It changes nothing, here or there.
func (c *Collector) Try(ctx context.Context, s Source) Trial {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	s.Folders, s.Leave = nil, -1
	var t Trial
	var err error
	if s.Protocol == setup.ProtocolIMAP {
		t, err = c.tryIMAP(ctx, &s)
	} else {
		t, err = c.tryPOP(ctx, &s)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Trial{Problem: words(&s, err)}
	}
	return t
}

func (c *Collector) tryIMAP(ctx context.Context, s *Source) (t Trial, err error) {
	session, err := c.openIMAP(ctx, s)
	if err != nil {
		return t, err
	}
	defer session.close()
	stop := context.AfterFunc(ctx, func() { _ = session.conn.Close() })
	defer stop()
	if err := session.list(); err != nil {
		return t, err
	}
	t.Messages, t.New = len(session.there.names), len(session.folders[0].fresh)
	t.Idle = session.client.Caps().Has(imap.CapIdle)
	all, err := listFolders(session.conn, session.client)
	for _, f := range all {
		if len(t.Folders) < maxNames {
			t.Folders = append(t.Folders, f.Mailbox)
		}
	}
	slices.Sort(t.Folders)
	return t, err
}

// listFolders gives the folders of a mailbox that can be opened.
func listFolders(conn *wire, client *imapclient.Client) ([]*imap.ListData, error) {
	conn.allow(allowance)
	all, err := client.List("", "*", nil).Collect()
	if err != nil {
		return nil, refusal("LIST", err)
	}
	return slices.DeleteFunc(all, func(d *imap.ListData) bool {
		return slices.Contains(d.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(d.Attrs, imap.MailboxAttrNonExistent)
	}), nil
}

func (c *Collector) tryPOP(ctx context.Context, s *Source) (t Trial, err error) {
	conn, err := connect(ctx, s, c.o.Dial, c.o.Roots)
	if err != nil {
		return t, err
	}
	session := &popSession{c: c, s: s, p: newPOP(conn), there: &listing{}}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = session.p.conn.Close()
	}()
	if err := session.begin(ctx); err != nil {
		return t, err
	}
	if err := session.list(); err != nil {
		return t, err
	}
	t.Messages, t.New = len(session.there.names), len(session.fresh)
	_, err = session.p.exchange("QUIT")
	return t, err
}
