package rescue

import "fmt"

// headline says in a sentence what has happened.
func (f Fault) headline() string {
	switch f {
	case Missing:
		return "The disk with your mail is missing"
	case Damaged:
		return "The disk with your mail is damaged"
	case ReadOnly:
		return "The disk with your mail is write-protected"
	case Unclear:
		return "The box can’t tell which disk holds your mail"
	case Newer:
		return "Your mail was kept by a newer version than this one"
	}
	return "The box could not start its mail"
}

// steps say what to do, in the order in which it is to be tried.
func (f Fault) steps() []string {
	switch f {
	case Missing:
		return []string{
			"Check the disk’s cables, inside and outside the box. A disk in a USB case: try another port.",
			"Wait a minute. When the box finds the disk, it starts again by itself.",
			"If nothing happens, choose “Start again” below.",
			"If the disk stays away, it may have failed. Keep it: somebody may be able to read it. Put a new disk in, install Sanduk on it, and bring your mail back from a backup.",
		}
	case Damaged:
		return []string{
			"Take your time. What is on the disk stays there, and nothing has been erased.",
			"Have you no backup? Then have the disk copied first, by somebody who knows how: a repair writes to the disk, and what it gets wrong can’t be undone.",
			"Choose “Check and repair the disk” below. It tries more than the start did. When it helps, the box starts again by itself, and its mail is there.",
			"If it doesn’t help: put a new disk in, install Sanduk on it, and bring your mail back from a backup. Keep the old disk.",
		}
	case ReadOnly:
		return []string{
			"Look for a switch or a setting that protects the disk from writing: on the stick, the card or the adapter, or in the settings of the virtual machine.",
			"Take the protection away, then choose “Start again” below.",
			"If there is no such thing, the disk may be worn out: many protect themselves in the end, so that everything can still be read. Have it copied to a new one, and start the box from that.",
		}
	case Unclear:
		return []string{
			"Switch the box off (F3 at its screen).",
			"Take out the disk that doesn’t hold your mail. If you don’t know which, take out one and see: nothing is written to a disk before the box is sure.",
			"Switch the box on again.",
		}
	case Newer:
		return []string{
			"Write the newer version’s image to a USB stick, start the box from it, and install it on this disk with F8 at the screen. Choose to keep the mail.",
			"Your mail isn’t changed by the version that runs now.",
		}
	}
	return []string{
		"Choose “Start again” below.",
		"If that doesn’t help, download what support needs, below, and ask for help.",
		"The image can be installed again with the mail kept: start from a USB stick that has it, then F8 at the screen.",
	}
}

// words of an act: what stands beside its button, and what it means.
func (a Act) words() (name, means string) {
	switch a {
	case Check:
		return "Check and repair the disk", "Minutes, with a large disk an hour. The box starts again when it has helped."
	case Restart:
		return "Start again", "Nothing is changed."
	case Previous:
		return "Start the previous version", "For when this trouble began with an update. Mail stays."
	case Support:
		return "Download what support needs", "A file with logs and the state of the machine. No mail, no passwords; people’s addresses may stand in the log."
	case Erase:
		return "Erase everything and begin anew", "All mail, people and settings on this disk are gone, for good."
	}
	return "", ""
}

// health is how the disk is, in words.
func (d *Disk) health() string {
	switch {
	case !d.Known:
		return "It doesn’t tell how it is."
	case d.Failing:
		return "It says of itself that it will fail soon. Have it copied, then replace it."
	case d.Unreadable > 0:
		return fmt.Sprintf("%d places on it can’t be read. Have it copied, then replace it.", d.Unreadable)
	case d.Worn >= 100:
		return "It is worn out: it has been written to as much as it was made for. Replace it."
	case d.Replaced > 0:
		return fmt.Sprintf("It says that it is well. It has replaced %d places that went bad.", d.Replaced)
	}
	return "It says that it is well."
}

// age is how long it has run, "" if it doesn't tell.
func (d *Disk) age() string {
	const year = 365 * 24
	switch {
	case !d.Known || d.Hours < 0:
		return ""
	case d.Hours < 48:
		return fmt.Sprintf("%d hours", d.Hours)
	case d.Hours < year:
		return fmt.Sprintf("%d days", d.Hours/24)
	}
	return fmt.Sprintf("%.1f years", float64(d.Hours)/year)
}
