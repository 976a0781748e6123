package control

import "context"

// VerbSensors reads the machine's thermometers → []Sensor.
const VerbSensors Verb = "sensors"

// Sensor is a thermometer.
type Sensor struct {
	Name     string  `json:"name"`
	Celsius  float64 `json:"celsius"`
	Critical float64 `json:"critical,omitempty"` // above which what it is in fails; 0: it doesn't say
}

// Sensors reads the machine's thermometers.
func (c *Client) Sensors(ctx context.Context) ([]Sensor, error) {
	var s []Sensor
	err := c.call(ctx, VerbSensors, nil, &s)
	return s, err
}
