package queue

import (
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Described is a record of family Queue in words.
type Described struct {
	Verb  string          `json:"verb"`
	Items []DescribedItem `json:"items,omitempty"`
	Floor journal.LSN     `json:"floor,omitempty"` // up to which LSN all items have gone
}

// DescribedItem is what a record says of an item.
type DescribedItem struct {
	ID   string        `json:"id"`
	From *mail.Address `json:"from,omitempty"` // of one that came
	Size int64         `json:"size,omitempty"`
	Body string        `json:"body,omitempty"`
	To   []DescribedTo `json:"to"`
}

// DescribedTo is a recipient of an item, as a record left it.
type DescribedTo struct {
	Address string `json:"address"`
	Hop     string `json:"hop"`
	State   string `json:"state"`
	Tries   int    `json:"tries,omitempty"`
	Reply   string `json:"reply,omitempty"` // of the last try
}

// Describe says what a record does. It is for people who look for what happened; the
// words are not a format. The error says that the record is damaged, or of a later
// version.
func Describe(r journal.Record) (Described, error) {
	d := Described{Verb: verb(r.Type).String()}
	switch verb(r.Type) {
	case verbFloor:
		var err error
		d.Floor, err = decodeFloor(r.Payload)
		return d, err
	case verbAdd:
		items, err := decodeItems(r.Payload)
		if err != nil {
			return d, err
		}
		for _, it := range items {
			described := DescribedItem{ID: it.ID.String(), From: &it.From, Size: it.Size, Body: it.Body.String()}
			for i := range it.To {
				described.To = append(described.To, describeTo(&it.To[i]))
			}
			d.Items = append(d.Items, described)
		}
		return d, nil
	}
	c, err := decodeChange(r.Payload)
	if err != nil {
		return d, err
	}
	described := DescribedItem{ID: c.id.String()}
	for i := range c.changes {
		described.To = append(described.To, describeTo(&c.changes[i].recipient))
	}
	d.Items = []DescribedItem{described}
	return d, nil
}

func describeTo(r *Recipient) DescribedTo {
	return DescribedTo{Address: r.Address.String(), Hop: string(r.Hop), State: r.State.String(), Tries: r.Tries, Reply: r.Last.Reply.String()}
}

// String is all of it on one line.
func (d Described) String() string {
	words := []string{d.Verb}
	if d.Floor > 0 {
		words = append(words, fmt.Sprintf("all up to %d have gone", d.Floor))
	}
	for _, it := range d.Items {
		words = append(words, "item "+it.ID)
		for _, to := range it.To {
			words = append(words, strings.TrimSpace(fmt.Sprintf("<%s> %s %s", to.Address, to.State, to.Reply)))
		}
	}
	return strings.Join(words, " ")
}
