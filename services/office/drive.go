package office

import (
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// manyReplaced is how many replaced places are more than those that a good disk has
	// after years: from there on they grow quickly, in what large fleets have seen.
	manyReplaced = 50
	// wornSoon is from how many percent on a new disk is to be ordered.
	wornSoon = 90
	// hotDrive is in °C: makers allow 60 for disks with platters, 70 for others.
	hotDrive = 68
)

// replaceDrive is what to do about a disk that will not last.
const replaceDrive = "Make a backup today and replace the disk soon. As long as it runs, the box goes on."

// findings are what is wrong with the disk, in plain words. What only a disk of a
// laboratory would not have is left unsaid: who is warned each week reads none of it.
func (d Drive) findings() (list []mail.Finding) {
	if !d.Known {
		return nil
	}
	name := "The disk"
	if d.Model != "" {
		name = fmt.Sprintf("The disk (%s, serial number %s)", d.Model, d.Serial)
	}
	switch {
	case d.Failing:
		list = append(list, mail.Finding{What: name + " says of itself that it will fail soon.", ToDo: "Make a backup now and replace the disk. As long as it runs, the box goes on."})
	case d.Pending > 0:
		list = append(list, mail.Finding{What: fmt.Sprintf("%s has %d places that it can't read any more.", name, d.Pending), ToDo: replaceDrive})
	case d.Reallocated >= manyReplaced:
		list = append(list, mail.Finding{What: fmt.Sprintf("%s had to replace %d places that went bad. Nothing was lost by that, but it ages.", name, d.Reallocated), ToDo: replaceDrive})
	}
	if d.Worn >= wornSoon {
		list = append(list, mail.Finding{What: fmt.Sprintf("%s has used %d %% of the writing that it was made for.", name, d.Worn), ToDo: "Order a new disk; behind 100 % it may stop taking writes at any time."})
	}
	if d.Celsius >= hotDrive {
		list = append(list, mail.Finding{What: fmt.Sprintf("%s is too hot: it has %d °C.", name, d.Celsius), ToDo: "Look whether the fan turns and the openings of the machine are free."})
	}
	return list
}
