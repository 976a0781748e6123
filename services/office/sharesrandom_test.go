package office

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// secretBox is a mailbox in TestSharesKeepSecrets: each of its messages, and its name,
// hold its mark, which nothing else holds.
type secretBox struct {
	owner  string
	name   string
	mark   string
	gone   bool
	rights map[string]mail.Rights // by name of the grantee, or anyone
}

// secretsOffice is what the test knows of who may see what.
type secretsOffice struct {
	t        *testing.T
	o        *testOffice
	random   *rand.Rand
	boxes    []*secretBox
	sessions map[string]mailSession
	marks    int
	selected map[string]*secretBox
	lost     map[string]bool // the mailbox that is selected was not to be read for a while
}

// TestSharesKeepSecrets: three people's programs do what they like with each other's
// mailboxes, while these are opened, closed, renamed and deleted; whatever a program is
// sent, nothing of a mailbox is in it that its person may not read, and no name of one
// that he may not see.
func TestSharesKeepSecrets(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := &secretsOffice{t: t, o: startOffice(t, t.TempDir()), random: rand.New(rand.NewPCG(seed, 0)), sessions: map[string]mailSession{}, selected: map[string]*secretBox{}, lost: map[string]bool{}}
	w.o.setUpNow(t, 1)
	for _, name := range w.people() {
		w.sessions[name] = w.o.session(t, name)
	}
	for _, name := range w.people() {
		w.create(name, "")
		w.create(name, "")
	}
	for range 250 {
		if w.random.IntN(3) == 0 {
			w.ownersStep()
			for who, b := range w.selected {
				w.lost[who] = w.lost[who] || b != nil && !b.may(who).Has(mail.RightRead)
			}
		} else {
			w.othersStep()
		}
	}
}

func (w *secretsOffice) people() []string { return []string{"alice", "bob", "person000"} }

func (w *secretsOffice) someone() string { return w.people()[w.random.IntN(3)] }

func (w *secretsOffice) someBox() *secretBox { return w.boxes[w.random.IntN(len(w.boxes))] }

// may is what somebody may do there, worked out from the grants alone.
func (b *secretBox) may(who string) mail.Rights {
	switch {
	case b.gone:
		return 0
	case b.owner == who:
		return mail.AllRights
	}
	return b.rights[who] | b.rights[mail.Anyone]
}

// below reports whether it is below another one.
func (b *secretBox) below(other *secretBox) bool {
	return b.owner == other.owner && strings.HasPrefix(b.name, other.name+"/")
}

// seen is the name by which somebody asks for it.
func (b *secretBox) seen(who string) string {
	if b.owner == who {
		return b.name
	}
	return "Other Users/" + b.owner + "@" + testDomain + "/" + b.name
}

func (w *secretsOffice) create(owner, below string) {
	w.marks++
	b := &secretBox{owner: owner, mark: fmt.Sprintf("mark%dx", w.marks), rights: map[string]mail.Rights{}}
	b.name = below + b.mark
	s := w.o.session(w.t, owner) // the other one may be ended in this moment
	defer s.Close()
	s.ok("CREATE " + b.name)
	s.put(b.name, "Subject: "+b.mark+"\r\nMessage-ID: <"+b.mark+"@x.test>\r\n\r\nText of "+b.mark+".\r\n")
	w.boxes = append(w.boxes, b)
}

// say has somebody's program send a command and looks at all that comes for what it may
// not have; asked is the mailbox that the command names, which need not be kept secret
// from who names it.
func (w *secretsOffice) say(who, command string, asked *secretBox) []string {
	w.t.Helper()
	s := w.sessions[who]
	if err := s.PrintfLine("t %s", command); err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for {
		line, err := s.ReadLine()
		if err != nil || strings.HasPrefix(line, "* BYE") {
			if !w.lost[who] { // what was sent behind the answer to the command before is read now
				w.t.Fatalf("%s, %s: %s, %v", who, command, line, err)
			}
			lines = append(lines, line)
			_ = s.Close()
			w.sessions[who], w.selected[who], w.lost[who] = w.o.session(w.t, who), nil, false
			break
		}
		if lines = append(lines, line); strings.HasPrefix(line, "t ") {
			break
		}
	}
	w.inspect(who, command, lines, asked)
	return lines
}

func (w *secretsOffice) inspect(who, command string, lines []string, asked *secretBox) {
	w.t.Helper()
	for _, line := range lines {
		for _, mark := range regexp.MustCompile(`mark\d+x`).FindAllString(line, -1) {
			b := w.boxes[slices.IndexFunc(w.boxes, func(b *secretBox) bool { return b.mark == mark })]
			named := strings.HasPrefix(line, "* LIST") || strings.HasPrefix(line, "* STATUS") || strings.HasPrefix(line, "* MYRIGHTS") || strings.HasPrefix(line, "* ACL") || strings.HasPrefix(line, "* QUOTAROOT") || strings.HasPrefix(line, "* ESEARCH")
			switch {
			case !named && b.may(who).Has(mail.RightRead):
			case named && (b.may(who).Has(mail.RightLookup) || w.leadsTo(who, b)):
			case named && !strings.HasPrefix(line, "* LIST") && asked != nil && asked.may(who) != 0 && (b == asked || asked.below(b)):
			default:
				w.t.Fatalf("%s, who has %q in %s of %s, is sent by %s:\n%s", who, b.may(who), b.name, b.owner, command, line)
			}
		}
	}
}

// leadsTo reports whether a mailbox that may be seen is below b, whose name is then seen
// as a level above it.
func (w *secretsOffice) leadsTo(who string, b *secretBox) bool {
	return slices.ContainsFunc(w.boxes, func(c *secretBox) bool {
		return c.below(b) && c.may(who).Has(mail.RightLookup)
	})
}

// ownersStep has an owner change who may do what, or the mailbox itself.
func (w *secretsOffice) ownersStep() {
	w.t.Helper()
	b := w.someBox()
	if b.gone {
		return
	}
	switch to := w.someone(); w.random.IntN(12) {
	case 0:
		name := fmt.Sprintf("r%d-%s", w.marks, b.mark)
		w.marks++
		old := b.name
		w.must(b.owner, "RENAME "+b.name+" "+name, b)
		for _, c := range w.boxes { // with what is below, the levels too that are no mailboxes any more
			if c.owner == b.owner && (c == b || strings.HasPrefix(c.name, old+"/")) {
				c.name = name + strings.TrimPrefix(c.name, old)
			}
		}
	case 1:
		if w.random.IntN(2) == 0 {
			w.must(b.owner, "DELETE "+b.name, b)
			b.gone = true
			w.create(b.owner, "")
		}
	case 2:
		// CREATE would make the levels above anew that have been deleted.
		if strings.Count(b.name, "/") < 3 && !slices.ContainsFunc(w.boxes, func(c *secretBox) bool { return c.gone && b.below(c) }) {
			w.create(b.owner, b.name+"/")
		}
	case 3, 4:
		id := to + "@" + testDomain
		if w.random.IntN(3) == 0 {
			to, id = mail.Anyone, mail.Anyone
		}
		if to != b.owner {
			w.must(b.owner, "DELETEACL "+b.name+" "+id, b)
			delete(b.rights, to)
		}
	default:
		id := to + "@" + testDomain
		if w.random.IntN(4) == 0 {
			to, id = mail.Anyone, mail.Anyone
		}
		if to == b.owner {
			return
		}
		rights := mail.Rights(w.random.IntN(int(mail.AllRights+1))) &^ (mail.RightCreate | mail.RightDeleteMailbox | mail.RightAdminister)
		w.must(b.owner, fmt.Sprintf("SETACL %s %s %q", b.name, id, rights), b)
		b.rights[to] = rights
	}
}

func (w *secretsOffice) must(who, command string, asked *secretBox) {
	w.t.Helper()
	for {
		lines := w.say(who, command, asked)
		if strings.HasPrefix(lines[len(lines)-1], "* BYE") {
			continue // and in another session then
		}
		if !strings.HasPrefix(lines[len(lines)-1], "t OK") {
			w.t.Fatalf("%s, %s: %q", who, command, lines)
		}
		return
	}
}

// try is say for a command that is done exactly where this right is there.
func (w *secretsOffice) try(who, command string, b *secretBox, allowed bool) bool {
	w.t.Helper()
	lines := w.say(who, command, b)
	last := lines[len(lines)-1]
	if strings.HasPrefix(last, "* BYE") || last == "" {
		return false
	}
	if done := strings.HasPrefix(last, "t OK"); done != allowed {
		w.t.Fatalf("%s, who has %q in %s of %s: %s: %s", who, b.may(who), b.name, b.owner, command, last)
	}
	return allowed
}

// othersStep has somebody do something with a mailbox of whomever.
func (w *secretsOffice) othersStep() {
	w.t.Helper()
	who, b := w.someone(), w.someBox()
	has, name := b.may(who), fmt.Sprintf("%q", b.seen(who))
	switch w.random.IntN(16) {
	case 0:
		w.list(who)
	case 1:
		w.say(who, `LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN) MYRIGHTS SUBSCRIBED)`, nil)
	case 2, 3, 4:
		if w.try(who, "SELECT "+name, b, has.Has(mail.RightRead)) {
			w.selected[who], w.lost[who] = b, false
		} else if has != mail.AllRights {
			w.selected[who] = nil // RFC 9051 §6.3.2: a SELECT that fails leaves none
		}
	case 5, 6, 7:
		if w.selected[who] != nil {
			w.say(who, []string{"FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[])", "UID FETCH 1:* (ENVELOPE PREVIEW)", "FETCH 1:* BODY.PEEK[TEXT]"}[w.random.IntN(3)], nil)
		}
	case 8:
		if w.selected[who] != nil {
			w.say(who, []string{"NOOP", "SEARCH TEXT mark", "SORT (SUBJECT) UTF-8 ALL", "STORE 1:* +FLAGS (\\Flagged)", "STORE 1:* FLAGS (\\Deleted)"}[w.random.IntN(5)], nil)
		}
	case 9:
		w.try(who, "STATUS "+name+" (MESSAGES UIDNEXT)", b, has.Has(mail.RightRead))
	case 10:
		w.try(who, "GETACL "+name, b, has.Has(mail.RightAdminister))
	case 11:
		const toldTo = mail.RightLookup | mail.RightRead | mail.RightInsert | mail.RightCreate | mail.RightDeleteMailbox | mail.RightAdminister
		w.try(who, "MYRIGHTS "+name, b, has&toldTo != 0)
	case 12:
		text := "Subject: x\r\n\r\nOf " + who + ".\r\n"
		w.try(who, fmt.Sprintf("APPEND %s {%d+}\r\n%s", name, len(text), text), b, has.Has(mail.RightInsert))
	case 13:
		w.try(who, "GETQUOTAROOT "+name, b, has.Has(mail.RightRead))
	case 14:
		w.say(who, `ESEARCH IN (mailboxes `+name+` subtree "Other Users" personal) RETURN (ALL) TEXT mark`, nil)
	case 15:
		if b.owner != who {
			w.try(who, "DELETE "+name, b, false)
		}
	}
}

// list compares the names that somebody is shown with those that he may see.
func (w *secretsOffice) list(who string) {
	w.t.Helper()
	var got, want []string
	for _, line := range w.say(who, `LIST "" "Other Users/*"`, nil) {
		if strings.HasPrefix(line, "* BYE") {
			return
		}
		if strings.HasPrefix(line, "* LIST (") && !strings.Contains(line, `\Noselect`) {
			if mark := regexp.MustCompile(`.*(mark\d+x)`).FindStringSubmatch(line); mark != nil {
				got = append(got, mark[1])
			}
		}
	}
	for _, b := range w.boxes {
		if b.owner != who && b.may(who).Has(mail.RightLookup) {
			want = append(want, b.mark)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("%s is shown %v; want %v", who, got, want)
	}
}
