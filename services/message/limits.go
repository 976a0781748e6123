package message

// Limits bound what a Scanner keeps of a hostile message. A zero field means the
// default named beside it. No limit makes a message fail.
type Limits struct {
	Depth       int // levels of multipart and enclosed message: DefaultDepth
	Parts       int // entities in one message: DefaultParts
	Header      int // bytes read of the message's own header: DefaultHeader
	PartHeader  int // bytes read of one part's header: DefaultPartHeader
	PartHeaders int // bytes read of all parts' headers together: DefaultPartHeaders
	Addresses   int // address list entries in one message: DefaultAddresses
}

// The defaults.
const (
	// DefaultDepth is beyond what any mail program makes (forwards of forwards
	// reach some 10), and keeps what recurses over the tree shallow. A multipart
	// further down is an opaque application/octet-stream.
	DefaultDepth = 30
	// DefaultParts is beyond the largest honest digests and photo mails. The
	// last part takes up the rest of the message, opaque.
	DefaultParts = 1000
	// DefaultHeader holds a To field with 10,000 ordinary recipients. Fields
	// after it are still part of the header but not looked at.
	DefaultHeader = 1 << 20
	// DefaultPartHeader: some ten times of what the longest real ones have
	// (file names in RFC 2231 pieces). An enclosed message's header counts as one.
	DefaultPartHeader = 64 << 10
	// DefaultPartHeaders keeps the digest of 1,000 parts within the memory that
	// one message may cost.
	DefaultPartHeaders = 1 << 20
	// DefaultAddresses is twice the 10,000 recipients that a list of the whole
	// company could have; each costs some 100 bytes in memory.
	DefaultAddresses = 20_000
)

// Further bounds of a digest.
const (
	// PreviewLen is the most characters of a preview (RFC 8970 §3.2 allows 256).
	PreviewLen = 200
	// MaxReferences is how many message IDs threading looks back; long-lived
	// lists have references by the hundred.
	MaxReferences = 20
	// MaxMessageID is the longest message ID that is kept: a line of RFC 5322.
	MaxMessageID = 998
	// maxValue is the most bytes kept of one header value that is not an address
	// list. No one reads a subject of more than this.
	maxValue = 16 << 10
	// maxParams bounds the parameters of one field; RFC 2231 pieces of a long
	// file name are some ten.
	maxParams = 100
	// maxLanguages bounds a Content-Language list.
	maxLanguages = 20
	// maxBoundary is the longest boundary looked for. RFC 2046 §5.1.1 allows 70;
	// some senders write more.
	maxBoundary = 1000
	// maxPreviewSource is how many bytes of an encoded text part a preview is
	// made of. HTML begins with much that isn't shown.
	maxPreviewSource = 32 << 10
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Depth, DefaultDepth},
		{&l.Parts, DefaultParts},
		{&l.Header, DefaultHeader},
		{&l.PartHeader, DefaultPartHeader},
		{&l.PartHeaders, DefaultPartHeaders},
		{&l.Addresses, DefaultAddresses},
	} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}
