package office

import (
	"fmt"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/audit"
)

// auditDir is where it is kept who changed what.
const auditDir = "private/audit"

// openAudit opens the book of changes.
func (o *Office) openAudit() error {
	if err := durable.MkdirAllSync(o.keeping(o.files), auditDir, 0o700); err != nil {
		return fmt.Errorf("office: make %s: %w", auditDir, err)
	}
	below, err := durable.NewOS(o.files.Path(auditDir))
	if err != nil {
		return fmt.Errorf("office: open %s: %w", auditDir, err)
	}
	o.close = append(o.close, below.Close)
	o.audit = audit.Open(o.keeping(below), o.log)
	o.close = append(o.close, o.audit.Close)
	return nil
}
