package mail

// Bounds of what an account may hold; over them stands ErrTooMany.
const (
	// MaxMailboxes bounds what is kept in memory for an account and sent for one
	// LIST; archives sorted by customer reach some thousand.
	MaxMailboxes = 10_000
	// MaxSubscriptions is more than MaxMailboxes, as names without a mailbox stay.
	MaxSubscriptions = 20_000
	// MaxKeywords is for one message; people's labels and clients' marks are ten.
	MaxKeywords = 100
	// MaxKeyword is the most bytes of one keyword.
	MaxKeyword = 255
	// MaxMessage is the largest message that the box takes by default, in bytes:
	// what a scan of a long contract or a folder of photographs comes to, in
	// base64.
	MaxMessage = 150 << 20
)

// Check says whether the flags are within the bounds; the error is ErrTooMany.
func (f Flags) Check() error {
	if len(f.Keywords) > MaxKeywords {
		return ErrTooMany
	}
	for _, k := range f.Keywords {
		if len(k) > MaxKeyword {
			return ErrTooMany
		}
	}
	return nil
}
