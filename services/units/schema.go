package units

// DataSchema is which forms of the data on the disk the services of this version know.
type DataSchema struct {
	Reads  int // the oldest that they can read
	Writes int // the newest, which they write once this version has proved itself
}

// Schema returns it. Who changes what is written so that the version before couldn't read it raises Writes, and writes
// the old form as long as PID 1 says so ("schema" in its status): the box may return to that version, and has to find
// all mail that came meanwhile.
func Schema() DataSchema { return DataSchema{Reads: 1, Writes: 1} }
