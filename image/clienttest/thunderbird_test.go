package clienttest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// thunderbird is the program on a screen of its own that nobody looks at.
type thunderbird struct {
	*marionette
	names *names
	o     *office
	owner string
	log   string // what it says of IMAP; kept when the test fails
}

// newThunderbird starts it with an empty profile. All that it asks the network for goes through the proxy.
func newThunderbird(t *testing.T, o *office, owner string) *thunderbird {
	t.Helper()
	p := o.inRoot(t, "desktop")
	screen := p.start(t, "Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	number := ""
	eventually(t, "there is a screen", func() bool {
		text := read(t, screen)
		number = strings.TrimSpace(text)
		return strings.HasSuffix(text, "\n")
	})
	proxy := o.names(t)
	_, port, _ := net.SplitHostPort(proxy.Addr().String())
	profile := filepath.Join(p.home, "profile")
	write(t, filepath.Join(profile, "user.js"), preferences(t, port))
	p.start(t, "env", "DISPLAY=:"+number, "MOZ_CRASHREPORTER_DISABLE=1", "NO_AT_BRIDGE=1",
		"MOZ_LOG=timestamp,sync,IMAP:4", "MOZ_LOG_FILE="+filepath.Join(p.home, "imap"),
		"/usr/lib/thunderbird/thunderbird",
		"--no-remote", "--profile", profile, "--marionette", "--remote-allow-system-access")
	active := filepath.Join(profile, "MarionetteActivePort")
	eventually(t, "Thunderbird takes orders", func() bool {
		found, _ := filepath.Glob(active)
		return len(found) == 1 && read(t, active) != ""
	})
	b := &thunderbird{newMarionette(t, strings.TrimSpace(read(t, active))), proxy, o, owner, filepath.Join(p.home, "imap.moz_log")}
	b.run(t, nil, read(t, "testdata/thunderbird/office.js"))
	block, _ := pem.Decode([]byte(read(t, o.caFile)))
	b.run(t, nil, "office.trust(args[0])", base64.StdEncoding.EncodeToString(block.Bytes))
	return b
}

// preferences are those of somebody who wants to be left alone.
func preferences(t *testing.T, proxy string) string {
	t.Helper()
	var b strings.Builder
	for _, p := range []struct {
		name  string
		value any
	}{
		{"marionette.port", 0}, // any; it is told in the profile
		{"network.proxy.type", 1},
		{"network.proxy.socks", "127.0.0.1"},
		{"network.proxy.socks_port", json.Number(proxy)},
		{"network.proxy.socks_version", 5},
		{"network.proxy.socks_remote_dns", true},
		{"network.proxy.socks5_remote_dns", true},
		{"network.captive-portal-service.enabled", false},
		{"network.connectivity-service.enabled", false},
		{"app.update.enabled", false},
		{"app.donation.eoy.version.viewed", 999},
		{"browser.safebrowsing.update.enabled", false},
		{"datareporting.policy.dataSubmissionEnabled", false},
		{"datareporting.policy.dataSubmissionPolicyBypassNotification", true},
		{"extensions.update.enabled", false},
		{"mail.shell.checkDefaultClient", false},
		{"mail.spotlight.firstRunDone", true},
		{"mailnews.start_page.enabled", false},
		{"mail.rights.version", 1},
		{"mailnews.mark_message_read.delay", false},
		{"offline.download.download_messages", 2}, // the test does, and does not want to be asked
		{"toolkit.telemetry.enabled", false},
	} {
		value, err := json.Marshal(p.value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "user_pref(%q, %s);\n", p.name, value)
	}
	return b.String()
}

// eventuallyOn waits until a mailbox on the box is as something has to become.
func (b *thunderbird) eventuallyOn(t *testing.T, mailbox, what string, done func([]letter) bool) {
	t.Helper()
	c := b.o.imap(t, b.owner, password)
	defer c.Close()
	eventually(t, what, func() bool {
		selected, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatalf("EXAMINE %s: %v", mailbox, err)
		}
		if selected.NumMessages == 0 {
			return done(nil)
		}
		all, err := fetchErr(c, imap.SeqSet{{Start: 1, Stop: 0}})
		if failure, ok := errors.AsType[*imap.Error](err); ok && failure.Code == "EXPUNGEISSUED" {
			return false // RFC 9051 §7.1: one of them has just been moved away
		}
		if err != nil {
			t.Fatalf("FETCH: %v", err)
		}
		return done(all)
	})
}

// titled returns the message of a subject, if there is one.
func titled(all []letter, subject string) (letter, bool) {
	i := slices.IndexFunc(all, func(l letter) bool { return strings.Contains(string(l.body), "Subject: "+subject+"\r\n") })
	if i < 0 {
		return letter{}, false
	}
	return all[i], true
}

// on is one step with a folder of the account, which the script has as f, and its arguments behind.
func (b *thunderbird) on(t *testing.T, folder, script string, result any, args ...any) {
	t.Helper()
	f := "office.inbox"
	if folder != "INBOX" {
		f = fmt.Sprintf("await office.folder(%q)", folder)
	}
	b.run(t, result, "const f = "+f+"; "+script, args...)
}

// testThunderbird is somebody's day with Thunderbird, from the account's first minute.
func testThunderbird(t *testing.T, o *office, m *matrix) {
	const owner, drawer = "thunderbird", "Fioka čaj"
	var bodies []string
	for _, subject := range []string{
		"read me", "flag me", "tag me", "move me", "kept one", "kept two", "step one", "step two", "step three", "step four", "delete me",
	} {
		bodies = append(bodies, note(subject))
	}
	o.deliver(t, owner, bodies...)
	b := newThunderbird(t, o, owner)
	if !m.try(t, owner, "80: settings by autoconfig", func(t *testing.T) { b.configure(t) }) {
		return
	}
	m.try(t, owner, "80, 443: settings by Autodiscover", func(t *testing.T) { b.discover(t) })
	if !m.try(t, owner, "993, 465: log in, list folders", func(t *testing.T) { b.begin(t) }) {
		return
	}
	m.try(t, owner, "993: read in the window", func(t *testing.T) {
		var text string
		b.on(t, "INBOX", `return await office.read(f, "read me")`, &text)
		if want := "This is read me.\n.and a dot"; !strings.HasSuffix(text, want) { // the fields are above
			t.Errorf("the window shows %q; want %q at its end", text, want)
		}
		b.eventuallyOn(t, "INBOX", "the message is read on the box", marked("read me", imap.FlagSeen))
	})
	m.try(t, owner, "993: flag, tag", func(t *testing.T) {
		b.on(t, "INBOX", `await office.flag(f, "flag me"); await office.tag(f, "tag me", "$label1")`, nil)
		b.eventuallyOn(t, "INBOX", "the message is flagged on the box", marked("flag me", imap.FlagFlagged))
		b.eventuallyOn(t, "INBOX", "the message has its label on the box", marked("tag me", "$label1"))
	})
	m.try(t, owner, "993: new folder, move into it", func(t *testing.T) {
		b.run(t, nil, `await office.create(args[0]); await office.move(office.inbox, "move me", await office.folder(args[0]))`, drawer)
		b.eventuallyOn(t, "INBOX", "the message is gone from INBOX", without("move me"))
		b.eventuallyOn(t, drawer, "the message is in the folder", with("move me"))
		b.on(t, drawer, `office.update(f); await office.has(f, "move me")`, nil)
	})
	m.try(t, owner, "993: delete", func(t *testing.T) {
		b.on(t, "INBOX", `await office.erase(f, "delete me")`, nil)
		b.eventuallyOn(t, "INBOX", "the message is gone from INBOX", without("delete me"))
		b.eventuallyOn(t, "Trash", "the message is in Trash", with("delete me"))
	})
	m.try(t, owner, "993: search on the box", func(t *testing.T) {
		var found []string
		b.on(t, "INBOX", `return await office.search(f, "is tag")`, &found)
		if !slices.Equal(found, []string{"tag me"}) {
			t.Errorf("found %q; want what is to be tagged", found)
		}
	})
	m.try(t, owner, "465: send, keep in Sent", func(t *testing.T) {
		b.run(t, nil, "await office.send(...args)", at(owner), "sent by the bird", "Здраво.")
		b.eventuallyOn(t, "Sent", "the message is in Sent", with("sent by the bird"))
		b.on(t, "INBOX", `await office.has(f, "sent by the bird")`, nil)
	})
	m.try(t, owner, "993: IDLE tells of new mail and of what others do", func(t *testing.T) { b.idle(t) })
	m.try(t, owner, "993: in step with mutt", func(t *testing.T) { b.inStep(t) })
	m.try(t, owner, "993: offline: read and change, and bring it home", func(t *testing.T) { b.offline(t) })
	m.try(t, owner, "993: the network fails and comes back", func(t *testing.T) { b.cut(t) })
	m.try(t, owner, "995: collect and leave on the box, delete, take away", func(t *testing.T) { b.collect(t) })
}

// configure lets Thunderbird find the settings by the address alone.
func (b *thunderbird) configure(t *testing.T) {
	var got []string
	b.run(t, &got, "return await office.find(...args)", "Thunder Bird", at(b.owner), password)
	const tls = 3 // nsMsgSocketType.SSL
	want := []string{
		"xml", fmt.Sprintf("imap %s 993 %d %s", hostname, tls, at(b.owner)), fmt.Sprintf("smtp %s 465 %d %s", hostname, tls, at(b.owner)),
	}
	if !slices.Equal(got, want) {
		t.Fatalf("it found %q; want %q", got, want)
	}
}

// discover lets it ask as Outlook does, beside port 443 in clear. The box may refuse none of that.
func (b *thunderbird) discover(t *testing.T) {
	var got string
	b.run(t, &got, "return await office.discover(...args)", at(b.owner), password)
	if want := fmt.Sprintf("imap %s 993 3", hostname); got != want {
		t.Errorf("it found %q; want %q", got, want)
	}
	for line := range strings.Lines(b.o.story()) {
		if strings.Contains(line, `"path":"/autodiscover/`) && strings.Contains(line, `"status":4`) {
			t.Errorf("the box refused: %s", line)
		}
	}
}

// collect fetches by POP3 for another person: what is left on the box stays there, what is deleted here goes there too,
// and in the end everything is taken away.
func (b *thunderbird) collect(t *testing.T) {
	const owner = "bird"
	subjects := func() (list []string) {
		t.Helper()
		b.run(t, &list, "await office.fetch(); return office.subjects(office.popped)")
		return list
	}
	b.o.deliver(t, owner, note("pop one"), note("pop two"))
	var settings string
	b.run(t, &settings, "return await office.collect(...args)", "Bird", at(owner), password)
	if want := fmt.Sprintf("pop3 %s 995 3 %s", hostname, at(owner)); settings != want {
		t.Errorf("it found %q; want %q", settings, want)
	}
	if got, want := subjects(), []string{"pop one", "pop two"}; !slices.Equal(got, want) {
		t.Errorf("it brought %q; want %q", got, want)
	}
	b.o.deliver(t, owner, note("pop three"))
	if got, want := subjects(), []string{"pop one", "pop three", "pop two"}; !slices.Equal(got, want) {
		t.Errorf("there is %q; want %q, each once", got, want)
	}
	b.o.count(t, owner, "INBOX", 3)
	b.run(t, nil, `await office.erase(office.popped, "pop two")`)
	subjects()
	if all := b.o.count(t, owner, "INBOX", 2); !without("pop two")(all) {
		t.Error("the message that was deleted is still on the box")
	}
	b.run(t, nil, `office.pop.setBoolValue("leave_on_server", false)`)
	if got, want := subjects(), []string{"pop one", "pop three"}; !slices.Equal(got, want) {
		t.Errorf("there is %q; want %q", got, want)
	}
	b.o.count(t, owner, "INBOX", 0)
}

// begin logs in and waits for the folders that the box has for everybody, each in its role.
func (b *thunderbird) begin(t *testing.T) {
	var folders []string
	b.run(t, nil, "await office.add()")
	b.run(t, nil, "await office.list()")
	b.run(t, nil, "await office.open(office.inbox)")
	b.run(t, &folders, `await office.has(office.inbox, "delete me"); return office.root.descendants.map(f => f.name)`)
	for _, name := range []string{"Drafts", "Sent", "Trash", "Junk", "Archive"} {
		if !slices.Contains(folders, name) {
			t.Errorf("folders are %q; want %s among them", folders, name)
		}
	}
}

// idling waits until it is in IDLE with INBOX. What a server tells in other commands it reads past (an EXISTS in a FETCH
// for the list's second line, say), and it waits two seconds before it says IDLE.
func (b *thunderbird) idling(t *testing.T) {
	t.Helper()
	eventually(t, "Thunderbird is in IDLE", func() bool {
		text := read(t, b.log)
		last := text[max(0, strings.LastIndex(text, ":S-INBOX:")):]
		line, _, ok := strings.Cut(last, "\n")
		return ok && strings.HasSuffix(line, "idle mode async waiting")
	})
}

// idle has the program stay in INBOX and ask for nothing.
func (b *thunderbird) idle(t *testing.T) {
	b.on(t, "INBOX", "await office.open(f)", nil)
	b.idling(t)
	b.o.deliver(t, b.owner, note("pushed"))
	b.on(t, "INBOX", `await office.has(f, "pushed")`, nil)
	c := b.o.imap(t, b.owner, password)
	defer c.Close()
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	set := uids(t, c, "pushed")
	b.idling(t)
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged, imap.FlagSeen}}
	if _, err := c.Store(set, flags, nil).Collect(); err != nil {
		t.Fatal(err)
	}
	b.on(t, "INBOX", `await office.until(async () => { const s = await office.state(f, "pushed"); return s.flagged && s.read })`, nil)
	b.idling(t)
	if _, err := c.Move(set, "Archive").Wait(); err != nil {
		t.Fatal(err)
	}
	b.on(t, "INBOX", `await office.gone(f, "pushed")`, nil)
}

// inStep has mutt work in the account at the same time: each sees what the other did.
func (b *thunderbird) inStep(t *testing.T) {
	u := mutt{b.o.newProgram(t), "mutt", b.owner}
	file := u.config(t, u.url("imaps", "imaps"), u.url("smtps", "submissions"))
	b.idling(t)
	u.keys(t, file, `<search>~s 'step one'<enter><flag-message><search>~s 'step two'<enter><save-message><kill-line>=Archive<enter><sync-mailbox><quit>`)
	b.on(t, "INBOX", `await office.until(async () => (await office.state(f, "step one")).flagged); await office.gone(f, "step two")`, nil)
	b.on(t, "INBOX", `await office.flag(f, "step three"); await office.erase(f, "step four")`, nil)
	b.eventuallyOn(t, "INBOX", "the box knows of the flag", marked("step three", imap.FlagFlagged))
	b.eventuallyOn(t, "INBOX", "the box knows of the deletion", without("step four"))
	u.keys(t, file, `<tag-pattern>~F<enter><tag-prefix><copy-message><kill-line>=Flagged<enter><untag-pattern>.<enter><quit>`)
	copied := b.o.count(t, b.owner, "Flagged", 3)
	for _, subject := range []string{"flag me", "step one", "step three"} {
		if _, ok := titled(copied, subject); !ok {
			t.Errorf("mutt did not see the flag of %q", subject)
		}
	}
}

// uids are those of the messages with a subject, in the selected mailbox.
func uids(t *testing.T, c *imapclient.Client, subject string) imap.UIDSet {
	t.Helper()
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: subject}}}, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return imap.UIDSetNum(found.AllUIDs()...)
}

// offline fetches everything, leaves the network, and works on.
func (b *thunderbird) offline(t *testing.T) {
	var all bool
	b.idling(t)
	b.on(t, "INBOX", `return await office.keep(f)`, &all)
	if !all {
		t.Error("not every message is kept")
	}
	b.idling(t)
	b.run(t, nil, "await office.leave()")
	var text string
	b.on(t, "INBOX", `return await office.source(f, "kept one")`, &text)
	text = regexp.MustCompile(`(?m)^X-Mozilla-.*\n`).ReplaceAllString(text, "") // what it keeps beside
	if l, _ := titled(b.o.letters(t, b.owner, "INBOX"), "kept one"); text == "" || text != string(l.body) {
		t.Errorf("kept is %q; the box has %q", text, l.body)
	}
	b.on(t, "INBOX", `await office.flag(f, "kept one"); await office.move(f, "kept two", await office.folder("Archive"))`, nil)
	if l, _ := titled(b.o.letters(t, b.owner, "INBOX"), "kept one"); l.has(imap.FlagFlagged) {
		t.Error("the box knows of the flag although there is no network")
	}
	b.run(t, nil, "office.back()")
	b.eventuallyOn(t, "INBOX", "the flag has come home", marked("kept one", imap.FlagFlagged))
	b.idling(t)
	b.on(t, "INBOX", "office.update(f)", nil) // it sometimes leaves the second change for the next look at the folder
	b.eventuallyOn(t, "INBOX", "the message has left INBOX", without("kept two"))
	b.eventuallyOn(t, "Archive", "the message is in Archive", with("kept two"))
}

// cut ends all connections under it.
func (b *thunderbird) cut(t *testing.T) {
	b.idling(t)
	b.names.cut()
	b.o.deliver(t, b.owner, note("after the cut"))
	b.on(t, "INBOX", `office.update(f); await office.has(f, "after the cut")`, nil)
}

// marked, with and without are what a mailbox may have to become.
func marked(subject string, flag imap.Flag) func([]letter) bool {
	return func(all []letter) bool {
		l, ok := titled(all, subject)
		return ok && l.has(flag)
	}
}

func with(subject string) func([]letter) bool {
	return func(all []letter) bool { _, ok := titled(all, subject); return ok }
}

func without(subject string) func([]letter) bool {
	return func(all []letter) bool { _, ok := titled(all, subject); return !ok }
}
