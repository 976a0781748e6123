package console

import "context"

// support is the dialogue behind F5.
func (d *Desk) support(ctx context.Context) error {
	page := Panel{
		Title: "Support bundle to a USB stick",
		Text: []string{
			"Plug a USB stick in that a Windows computer can read (FAT32). The box writes one file into its folder SANDUK-SUPPORT; whatever else is on the stick stays.",
			"The file says how the box is, for whoever helps you. There is no mail, no password and no key in it.",
		},
	}
	if err := d.sure(ctx, page, "write"); err != nil {
		return err
	}
	told := ""
	err := d.work(ctx, Panel{Title: "The bundle is being written", Text: []string{"This takes up to two minutes. Leave the stick in."}}, func(ctx context.Context) (err error) {
		told, err = d.Box.WriteSupport(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return d.tell(ctx, Panel{Title: "The bundle is on the stick", Text: []string{told, "You can pull the stick out."}})
}
