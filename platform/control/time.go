package control

import "context"

// VerbTime asks how good the clock is → Time.
const VerbTime Verb = "time"

// Time says how far dates can be judged by the box's clock.
type Time struct {
	// Sure says that it is right, as far as anybody can tell.
	Sure bool `json:"sure"`
	// Source is whom it was taken from: "time servers", "administrator", "hardware clock",
	// "build time", "saved time".
	Source  string `json:"source"`
	Problem string `json:"problem,omitempty"` // with the time servers, in the user's words
}

// Time asks how good the clock is.
func (c *Client) Time(ctx context.Context) (Time, error) {
	var t Time
	err := c.call(ctx, VerbTime, nil, &t)
	return t, err
}
