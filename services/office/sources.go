package office

import "github.com/sanduk-mail/sanduk/services/collect"

// sources are the mailboxes at providers from which mail is collected now. While the
// disk takes no writes there are none: what can't be kept is not fetched.
func (o *Office) sources() []collect.Source {
	if o.readOnly.Load() {
		return nil
	}
	box, _ := o.directory.Box()
	list := make([]collect.Source, len(box.Collect))
	for i, c := range box.Collect {
		list[i] = collect.SourceOf(c)
	}
	return list
}
