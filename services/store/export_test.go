package store

// Checkpoint writes everything into the indexes now, as rest would.
func (s *Store) Checkpoint() error { return s.checkpointAll() }

// SaveRegistry writes the registry now.
func (s *Store) SaveRegistry() error { return s.saveRegistry() }
