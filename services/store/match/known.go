package match

// Verdict is what is known of a condition without looking at the message.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota
	No
	Yes
)

// Known gives the verdict on the condition at a place in [Matcher.Texts], for
// the message in hand. A wrong Yes or No makes a wrong answer: whoever doesn't
// know says so.
type Known func(place int) Verdict

func (c *candidate) verdict(place int) Verdict {
	if c.known == nil {
		return Unknown
	}
	return c.known(place)
}

func verdictOf(holds bool) Verdict {
	if holds {
		return Yes
	}
	return No
}

// guess answers a node without opening the message, if that is possible.
func (c *candidate) guess(n node) Verdict {
	switch n := n.(type) {
	case all:
		return c.guessList(n, No)
	case anyOf:
		return c.guessList(n, Yes)
	case not:
		switch c.guess(n.node) {
		case Yes:
			return No
		case No:
			return Yes
		}
		return Unknown
	case header:
		return c.verdict(n.place)
	case body:
		if n.text == "" {
			return Yes
		}
		return c.verdict(n.place)
	}
	if n.cost() != costRow {
		return Unknown
	}
	holds, err := n.holds(c)
	if err != nil {
		return Unknown
	}
	return verdictOf(holds)
}

// guessList answers a list of nodes of which one with the verdict decides.
func (c *candidate) guessList(nodes []node, decides Verdict) Verdict {
	open := false
	for _, n := range nodes {
		switch c.guess(n) {
		case decides:
			return decides
		case Unknown:
			open = true
		}
	}
	if open {
		return Unknown
	}
	return No + Yes - decides
}
