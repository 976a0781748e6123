package operator

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// versions is what the API says of the box's versions.
type versions struct {
	Running    string `json:"running"`
	OnTrial    bool   `json:"on_trial"`
	Previous   string `json:"previous"`
	Installing *struct {
		Version string `json:"version"`
		State   string `json:"state"`
		Problem string `json:"problem"`
	} `json:"installing"`
	Last *struct {
		Time   time.Time `json:"time"`
		From   string    `json:"from"`
		To     string    `json:"to"`
		Well   bool      `json:"well"`
		Reason string    `json:"reason"`
	} `json:"last"`
	Keys       []string `json:"keys"`
	SecureBoot bool     `json:"secure_boot"`
}

// updateStatus says which versions there are.
func updateStatus(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		v, err := b.versions(ctx)
		if err != nil {
			return err
		}
		trial := ""
		if v.OnTrial {
			trial = ", on trial: it has not proved itself yet"
		}
		t.say("version %s runs%s", v.Running, trial)
		if i := v.Installing; i != nil {
			about := "the next start tries it"
			if i.Problem != "" {
				about = i.Problem
			}
			t.say("version %s is %s: %s", i.Version, i.State, about)
		}
		if v.Previous != "" {
			t.say("version %s can be gone back to (boxctl update previous)", v.Previous)
		}
		if l := v.Last; l != nil {
			t.say("last: from %s to %s, %s%s", l.From, l.To, l.Time.Local().Format(time.DateTime), ended(l.Well, l.Reason))
		}
		if v.SecureBoot {
			t.say("Secure Boot is on: the firmware starts only versions signed by a key that it knows")
		}
		for _, k := range v.Keys {
			if k == "development" {
				t.say("This is a development version: it takes updates signed by its developer's own key")
			}
		}
		return nil
	})
}

func ended(well bool, reason string) string {
	switch {
	case reason != "":
		return ". " + reason
	case well:
		return ", well"
	}
	return ", not well"
}

// updateInstall sends an update and waits for what becomes of it.
func updateInstall(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		f, err := os.Open(t.args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/api/update", f)
		if err != nil {
			return err
		}
		r.ContentLength = info.Size()
		answer, err := b.long(r)
		if err != nil {
			return unreachableUnlessSaid(err)
		}
		_ = answer.Body.Close() // it is empty
		v, err := b.installed(ctx)
		if err != nil {
			return err
		}
		t.say("version %s is installed; restart the box to try it (boxctl restart). If it doesn't work, the box returns to %s by itself", v.Installing.Version, v.Running)
		return nil
	})
}

// installed waits until the update that was sent is installed.
func (b *box) installed(ctx context.Context) (versions, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		v, err := b.versions(ctx)
		switch {
		case err != nil:
			return v, err
		case v.Installing == nil:
			return v, errors.New("the box has restarted meanwhile; see boxctl update status")
		case v.Installing.State == "refused":
			return v, errors.New(v.Installing.Problem)
		case v.Installing.State == "installed":
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-tick.C:
		}
	}
}

func (b *box) versions(ctx context.Context) (v versions, err error) {
	return v, b.do(ctx, http.MethodGet, "/api/update", nil, &v)
}

// updatePrevious goes back.
func updatePrevious(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Version string `json:"version"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/update/previous", nil, &answer); err != nil {
			return err
		}
		t.say("version %s starts next; restart the box (boxctl restart)", answer.Version)
		return nil
	})
}

func restart(ctx context.Context, t *task) error {
	return t.end(ctx, "/api/restart", "the box restarts; it answers again within a minute or two")
}

func powerOff(ctx context.Context, t *task) error {
	return t.end(ctx, "/api/power-off", "the box switches itself off")
}

// end has the machine end.
func (t *task) end(ctx context.Context, path, said string) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPost, path, nil, nil); err != nil {
			return err
		}
		t.say("%s", said)
		return nil
	})
}
