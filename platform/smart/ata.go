package smart

import (
	"encoding/binary"
	"fmt"
)

const (
	ataSize       = 512 // of SMART READ DATA
	ataAttributes = 30
	ataFirst      = 2 // where they begin
	ataEach       = 12
)

// Attributes on whose meaning makers agree.
const (
	attrReallocated  = 5
	attrHours        = 9
	attrReported     = 187 // errors that could not be corrected and were reported
	attrAirflow      = 190 // temperature, where 194 is missing
	attrTemperature  = 194
	attrPending      = 197
	attrOffline      = 198 // sectors that could not be read when the disk looked by itself
	attrWearLevel    = 177
	attrLifetimeLeft = 202
	attrLifeLeft     = 231
	attrMediaWear    = 233
)

// ParseATA reads what SMART READ DATA gave. solid says that the disk has no platters:
// only then some attributes tell its wear. ErrMalformed when it is not 512 bytes with a
// sum of 0. Failing is not in it: see [Passed].
func ParseATA(data []byte, solid bool) (Report, error) {
	r := unknown()
	if len(data) != ataSize {
		return r, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	var sum, any byte
	for _, b := range data {
		sum, any = sum+b, any|b
	}
	if sum != 0 || any == 0 {
		return r, fmt.Errorf("%w: its sum is wrong", ErrMalformed)
	}
	offline, airflow := int64(Unknown), Unknown
	for i := range ataAttributes {
		a := data[ataFirst+i*ataEach:][:ataEach]
		raw := int64(binary.LittleEndian.Uint32(a[5:])) // the upper two bytes hold other things with some makers
		switch a[0] {
		case attrReallocated:
			r.Reallocated = raw
		case attrHours:
			r.Hours = raw & 0xffffff // minutes or so stand above, with some
		case attrReported:
			r.Errors = raw & 0xffff
		case attrPending:
			r.Pending = raw
		case attrOffline:
			offline = raw
		case attrTemperature:
			r.Celsius = int(int8(a[5]))
		case attrAirflow:
			airflow = int(int8(a[5]))
		case attrWearLevel, attrLifetimeLeft, attrLifeLeft, attrMediaWear:
			// The normalized value falls from 100 to 0 as the disk wears.
			if left := int(a[3]); solid && left >= 1 && left <= 100 {
				r.Worn = max(r.Worn, 100-left)
			}
		}
	}
	r.Pending = max(r.Pending, offline)
	if r.Celsius == Unknown {
		r.Celsius = airflow
	}
	return r, nil
}

// Marks in the cylinder registers: what SMART commands carry, and what SMART RETURN
// STATUS makes of them when a threshold is exceeded.
const (
	markLow, markHigh     = 0x4f, 0xc2
	failedLow, failedHigh = 0xf4, 0x2c
)

// Passed reads the sense data that ATA PASS-THROUGH gave for SMART RETURN STATUS, in
// descriptor format (SAT-3 §12.2.6, ATA Status Return descriptor). ErrMalformed when it
// says neither.
func Passed(sense []byte) (bool, error) {
	const descriptors = 8
	if len(sense) < descriptors || sense[0]&0x7f != 0x72 {
		return false, fmt.Errorf("%w: no status", ErrMalformed)
	}
	list := sense[descriptors:]
	list = list[:min(len(list), int(sense[7]))]
	for len(list) >= 2 {
		size := 2 + int(list[1])
		if size > len(list) {
			break
		}
		if d := list[:size]; d[0] == 0x09 && size >= 14 {
			switch [2]byte{d[9], d[11]} {
			case [2]byte{markLow, markHigh}:
				return true, nil
			case [2]byte{failedLow, failedHigh}:
				return false, nil
			}
		}
		list = list[size:]
	}
	return false, fmt.Errorf("%w: no status", ErrMalformed)
}
