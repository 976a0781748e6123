package powercut

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// readAll reads everything in everybody's mailboxes over IMAP.
func readAll(ctx context.Context, addr string) (map[string][]found, error) {
	all := make(map[string][]found)
	for _, name := range people() {
		c, err := login(ctx, addr, name)
		if err != nil {
			return nil, err
		}
		all[name], err = readAccount(c)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("read what %s has: %w", name, err)
		}
		_ = c.Logout().Wait() // nothing depends on it
		c.Close()
	}
	return all, nil
}

func readAccount(c *imapclient.Client) ([]found, error) {
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		return nil, err
	}
	var all []found
	for _, m := range list {
		got, err := readMailbox(c, m.Mailbox)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Mailbox, err)
		}
		all = append(all, got...)
	}
	return all, nil
}

// readMailbox reads message by message, so that only one is in memory.
func readMailbox(c *imapclient.Client, mailbox string) ([]found, error) {
	data, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, err
	}
	if data.NumMessages == 0 {
		return nil, nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{section}})
	var all []found
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		b, err := m.Collect()
		if err != nil {
			fetch.Close()
			return nil, err
		}
		f := found{mailbox: mailbox, validity: data.UIDValidity, uid: uint32(b.UID), flags: imapFlags(b.Flags)}
		f.name, f.why = whole(b.FindBodySection(section))
		all = append(all, f)
	}
	if err := fetch.Close(); err != nil {
		return nil, err
	}
	if len(all) != int(data.NumMessages) {
		return nil, fmt.Errorf("%d messages were counted and %d read", data.NumMessages, len(all))
	}
	return all, nil
}

func imapFlags(flags []imap.Flag) string {
	var list []string
	for _, f := range flags {
		if f != `\Recent` {
			list = append(list, string(f))
		}
	}
	slices.Sort(list)
	return join(list)
}
