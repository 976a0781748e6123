package journal

// Some entries' waiters are told before the entries are applied: Entry.Late. The turn
// stays taken until all is applied, so nobody prepares, seals, compacts or closes on
// less, and Durable grows with what is applied as ever. Only who was told could see
// the difference, and whoever reads on his behalf waits with Settled.

// tellEarly tells the waiters of a durable batch's late entries. If there are any
// it leaves the batch behind, to be caught up with, and Settled waits from before
// the first of them is told.
func (j *Journal) tellEarly(batch []*request) bool {
	for _, r := range batch {
		if !r.written || !r.entry.Late {
			continue
		}
		if j.behind == nil {
			j.unsettled.Lock()
			j.isBehind.Store(true)
			j.behind = batch
		}
		r.told = true
		r.done <- nil
	}
	return j.behind != nil
}

// catchUp applies what was left behind, tells the others of the batch, and does what
// can wait for that. The caller has the turn.
func (j *Journal) catchUp() {
	if j.behind != nil {
		j.applyBehind()
	}
	if j.records != nil {
		j.records.late.settle()
	}
}

func (j *Journal) applyBehind() {
	batch := j.behind
	defer func() { // also where an entry panics: nobody may wait for ever
		j.behind = nil
		j.isBehind.Store(false)
		j.unsettled.Unlock()
	}()
	j.applyAll(batch)
	finish(batch, nil)
}

// Settled waits until all that Commit has acknowledged before the call is applied:
// next to always it need not. It must not be called by an entry's functions, nor with
// a lock that one of them takes.
func (j *Journal) Settled() {
	if j.isBehind.Load() {
		j.unsettled.RLock()
		defer j.unsettled.RUnlock()
	}
}
