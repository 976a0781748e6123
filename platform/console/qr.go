package console

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the light border around the code in modules. The standard asks for
// four; two are enough for every phone tried, and on a console rows are dear.
const quiet = 2

// squareCode draws text as a QR code, two modules above each other in one
// character. Light modules are drawn and dark ones left out, because a console
// is dark: phones want dark on light.
func squareCode(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("draw square code: %w", err)
	}
	light := func(x, y int) bool {
		// Below the border an odd last row stays dark: not a module of the code.
		return y < code.Size+quiet && !code.Black(x, y)
	}
	var lines []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			switch up, down := light(x, y), light(x, y+1); {
			case up && down:
				b.WriteRune('█')
			case up:
				b.WriteRune('▀')
			case down:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		lines = append(lines, b.String())
	}
	return lines, nil
}
