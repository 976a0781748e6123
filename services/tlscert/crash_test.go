package tlscert

import (
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

// TestCuts: the power goes at every step. What was acknowledged holds, half a
// certificate is never seen, and the box always starts.
func TestCuts(t *testing.T) {
	t.Parallel()
	a, c, disk := newAuthority(t), &clock{t: built.Add(time.Hour)}, crashfs.New()
	certs := a.open(t, disk, c)
	opened := disk.Ops()
	var leaves [2]Fingerprint
	var done [4]int
	for i := range leaves {
		public, err := a.upload(t, certs)
		if err != nil {
			t.Fatal(err)
		}
		leaves[i] = public.Fingerprint()
		if err := certs.SetPublic(public); err != nil {
			t.Fatal(err)
		}
		done[i] = disk.Ops()
	}
	if err := certs.ShowToServers(true); err != nil {
		t.Fatal(err)
	}
	done[2] = disk.Ops()
	if err := certs.RemovePublic(); err != nil {
		t.Fatal(err)
	}
	done[3] = disk.Ops()
	for point := opened; point <= done[3]; point++ {
		for n, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			after := a.open(t, disk.Crash(point, chance), c)
			public := after.Public()
			var good bool
			switch {
			case after.Damaged():
			case public == nil:
				good = point < done[0] || point > done[2]
			case public.Fingerprint() == leaves[0]:
				good = point < done[1]
			default:
				good = public.Fingerprint() == leaves[1] && point > done[0] && point < done[3]
			}
			if !good {
				t.Errorf("cut at %d of %v, chance %d: damaged %v, certificate %v", point, done, n, after.Damaged(), public != nil)
			}
			if point >= done[2] && public != nil && !after.ServersSeePublic() {
				t.Errorf("cut at %d: what servers see is forgotten", point)
			}
		}
	}
}
