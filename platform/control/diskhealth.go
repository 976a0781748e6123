package control

import "context"

// VerbDiskHealth asks the box's disk how it is → DiskHealth.
const VerbDiskHealth Verb = "disk-health"

// DiskHealth is what the disk with the mail says of itself. Numbers are -1 where it does
// not tell them; see package smart for what they mean.
type DiskHealth struct {
	Device string `json:"device"` // the kernel's name
	Model  string `json:"model"`
	Serial string `json:"serial"`
	// Known: it says how it is. Else nothing below is told.
	Known       bool  `json:"known"`
	Failing     bool  `json:"failing"`
	Reallocated int64 `json:"reallocated"`
	Pending     int64 `json:"pending"`
	Errors      int64 `json:"errors"`
	Worn        int   `json:"worn"` // percent
	Celsius     int   `json:"celsius"`
	Hours       int64 `json:"hours"`
}

// DiskHealth asks the box's disk how it is.
func (c *Client) DiskHealth(ctx context.Context) (DiskHealth, error) {
	var d DiskHealth
	err := c.call(ctx, VerbDiskHealth, nil, &d)
	return d, err
}
