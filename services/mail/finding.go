package mail

// Finding is something about the box that is not as it should be, in words for
// whoever looks after it: the same ones on the screen, on the pages and in boxctl.
type Finding struct {
	What string // one sentence
	ToDo string // what to do about it, "" for nothing
}
