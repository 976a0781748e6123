package imapd

import (
	"cmp"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// renderedSlab is how many bytes of text stand together, renderedSlabs how many
	// of these there are where nobody says: 64 MiB, over all accounts, which are the
	// envelopes and structures of some 100,000 messages.
	renderedSlab  = 4 << 20
	renderedSlabs = 16
	// renderedCost is what a text takes up in a slab's map beside itself.
	renderedCost = 80
	// maxRendered is the longest text that is kept: a longer one takes its time to
	// send however it is come by, and would push out those of many messages.
	maxRendered = 16 << 10
)

// renderedKey names what is kept. An email never changes and none of these numbers is
// used again while the process runs, so what is kept stays right. The mailbox and
// the UID are in it since the email's number is one of its account, which need not
// be the account that has logged in.
type renderedKey struct {
	account mail.AccountID
	mailbox mail.MailboxID
	uid     mail.UID
	email   mail.EmailID
	item    renderedItem
	utf8    bool // the session takes UTF-8 in quoted strings
}

// renderedItem is an item whose text a message's digest alone decides.
type renderedItem uint8

const (
	notRendered renderedItem = iota
	renderedEnvelope
	renderedBody
	renderedStructure
	renderedPreview
)

func (it fetchItem) rendered() renderedItem {
	switch {
	case it.section != nil:
		return notRendered
	case it.name == "ENVELOPE":
		return renderedEnvelope
	case it.name == "BODY":
		return renderedBody
	case it.name == "BODYSTRUCTURE":
		return renderedStructure
	case it.name == "PREVIEW":
		return renderedPreview
	}
	return notRendered
}

// renderedTexts are the texts of items as they were sent last. Where there is no more
// room the oldest slab goes as a whole: nothing is looked for, nothing moved. They
// are bytes in slabs since the collector need not walk those. The zero value is
// ready. Any goroutine may use it.
type renderedTexts struct {
	most  int // slabs; 0: renderedSlabs
	mu    sync.Mutex
	slabs []renderedTextSlab // oldest first
	found int                // where the last one was that was looked up
}

// slabs is how many of them take up so many bytes; 0 where that is 0.
func slabs(bytes int64) int { return int((bytes + renderedSlab - 1) / renderedSlab) }

type renderedTextSlab struct {
	text   []byte // appended to within its capacity only: what has been given out stays
	cost   int
	places map[renderedKey]renderedPlace
}

type renderedPlace struct{ from, to uint32 }

// get looks a text up; nil if it is not there. It must not be changed.
func (r *renderedTexts) get(key renderedKey) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found < len(r.slabs) { // what was told together stands together
		if text := r.slabs[r.found].get(key); text != nil {
			return text
		}
	}
	for i := len(r.slabs) - 1; i >= 0; i-- {
		if text := r.slabs[i].get(key); text != nil {
			r.found = i
			return text
		}
	}
	return nil
}

// get is nil where it is not there: none is empty.
func (s *renderedTextSlab) get(key renderedKey) []byte {
	if p, ok := s.places[key]; ok {
		return s.text[p.from:p.to:p.to]
	}
	return nil
}

// put keeps a copy of a text.
func (r *renderedTexts) put(key renderedKey, text []byte) {
	if len(text) == 0 || len(text) > maxRendered {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slabs {
		if _, ok := r.slabs[i].places[key]; ok {
			return // another session was quicker
		}
	}
	cost := len(text) + renderedCost
	if n := len(r.slabs); n == 0 || r.slabs[n-1].cost+cost > renderedSlab {
		if n >= cmp.Or(r.most, renderedSlabs) {
			r.slabs = append(r.slabs[:0], r.slabs[1:]...)
		}
		r.slabs = append(r.slabs, renderedTextSlab{places: map[renderedKey]renderedPlace{}})
	}
	s := &r.slabs[len(r.slabs)-1]
	from := len(s.text)
	s.text = append(s.text, text...)
	s.cost += cost
	s.places[key] = renderedPlace{uint32(from), uint32(len(s.text))}
}

func (f *fetchRun) renderedKey(row *mail.Row, it fetchItem) renderedKey {
	return renderedKey{f.login.Account, f.view.mailbox, row.UID, row.Email, it.rendered(), f.utf8}
}

// lookUp finds the texts of all that is asked of a message beyond its row; if one is
// lacking the digest is needed anyway.
func (f *fetchRun) lookUp(a *aheadDigest) {
	texts := make([][]byte, len(f.items))
	for i, it := range f.items {
		if it.rendered() == notRendered {
			continue
		}
		if texts[i] = f.server.rendered.get(f.renderedKey(&a.row, it)); texts[i] == nil {
			return
		}
	}
	a.texts = texts
}

// writeItem writes an item as it was kept, or as write does and keeps it.
func (f *fetchRun) writeItem(it fetchItem, row *mail.Row, opened fetched, i int) error {
	if it.rendered() == notRendered {
		return f.write(it, row, opened, i)
	}
	if opened.texts != nil {
		f.w.RawBytes(opened.texts[i])
		return nil
	}
	f.w.Record(maxRendered)
	err := f.write(it, row, opened, i)
	if text := f.w.Recorded(); err == nil && text != nil {
		f.server.rendered.put(f.renderedKey(row, it), text)
	}
	return err
}
