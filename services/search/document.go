package search

import (
	"errors"

	"github.com/sanduk-mail/sanduk/services/document"
	"github.com/sanduk-mail/sanduk/services/message"
)

// maxDocuments is how many bytes of documents are unpacked for one message.
const maxDocuments = 16 << 20

// document takes the text of an attached office document, up to left bytes of
// XML, and gives how many it has read. What can't be read is passed over: there
// is no document that fails.
func (e *extraction) document(words *tokenizer, p *message.Part, left int64) (int64, error) {
	n, err := document.Read(e.ctx, p, e.m, left, documentWords{words, e})
	if errors.Is(err, document.ErrUnreadable) {
		err = nil
	}
	return n, err
}

// documentWords is a tokenizer as a document writes to it.
type documentWords struct {
	words *tokenizer
	e     *extraction
}

func (d documentWords) Text(piece []byte) { d.words.write(piece) }
func (d documentWords) End()              { d.words.end() }
func (d documentWords) Full() bool        { return d.e.tokens > maxTokens }
