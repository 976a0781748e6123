package office

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLongWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var shown []string
		w := longWork{show: func(text string) { shown = append(shown, text) }}
		w.tell("Reading", 10, 100, false)
		w.tell("Reading", 20, 100, true) // over in a moment: nobody needs to know
		if w.took() {
			t.Error("the screen is to be shown again, though nothing was")
		}
		w.tell("Reading", 10, 100, false)
		time.Sleep(showAfter) // synctest's
		w.tell("Reading", 20, 100, false)
		w.tell("Reading", 30, 100, false) // too soon
		time.Sleep(showAfter)
		w.tell("Reading", 40, 100, false)
		if w.took() {
			t.Error("the screen is to be shown again in the middle of the work")
		}
		w.tell("Reading", 100, 100, true)
		if want := []string{"Reading: 20 %", "Reading: 40 %"}; !slices.Equal(shown, want) {
			t.Errorf("the screen shows %q; want %q", shown, want)
		}
		if !w.took() || w.took() {
			t.Error("the screen is to be shown again, once")
		}
	})
}
