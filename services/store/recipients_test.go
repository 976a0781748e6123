package store_test

import (
	"context"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// countingFS counts the syncs of files.
type countingFS struct {
	durable.FS
	syncs atomic.Int64
}

type countingFile struct {
	durable.File
	fs *countingFS
}

func (f *countingFS) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &countingFile{file, f}, nil
}

func (f *countingFile) Sync() error {
	f.fs.syncs.Add(1)
	return f.File.Sync()
}

// TestDeliverToMany: a message to 200 people costs the log as many syncs as one
// to a single person, and when it is acknowledged all of them have been told and
// find it.
func TestDeliverToMany(t *testing.T) {
	t.Parallel()
	const people = 200
	ctx := context.Background()
	box := newBox(t)
	counting := &countingFS{FS: box.files}
	var err error
	if box.journal, err = journal.Open(counting, box.jopts); err != nil {
		t.Fatal(err)
	}
	if box.Store, err = store.Open(ctx, box.journal, box.files, box.opts); err != nil {
		t.Fatal(err)
	}
	defer box.close()
	var targets []mail.Target
	var accounts []*store.Account
	var watches []*mail.Watch
	for i := range people {
		id := mail.AccountID(i + 1)
		if err := box.CreateAccount(ctx, id); err != nil {
			t.Fatal(err)
		}
		a, err := box.Account(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		targets, accounts, watches = append(targets, mail.Target{Account: id}), append(accounts, a), append(watches, a.Watch())
	}
	d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("to all", "Subject: to all"))
	deliver := func(targets []mail.Target) int64 {
		before := counting.syncs.Load()
		at := time.Now()
		if err := box.Deliver(ctx, &mail.Envelope{ID: mail.NewID(at), Received: at}, targets, d); err != nil {
			t.Fatal(err)
		}
		return counting.syncs.Load() - before
	}
	one := deliver(targets[:1])
	for _, w := range watches {
		select {
		case <-w.C:
		default:
		}
	}
	if all := deliver(targets); one == 0 || all > one {
		t.Errorf("a message to one takes %d syncs, to %d takes %d; want as many", one, people, all)
	}
	for i, w := range watches {
		m, err := accounts[i].Mailbox(ctx, mail.Inbox)
		if err != nil || m.Total != 1 && i > 0 || m.Total != 2 && i == 0 {
			t.Errorf("INBOX of account %d has %d messages, %v", i+1, m.Total, err)
		}
		select {
		case <-w.C:
		default:
			t.Errorf("account %d has not been told when the message can be seen", i+1)
		}
		w.Close()
	}
}
