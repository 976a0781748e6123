// Package mdns answers for one name in .local on the box's networks, so that
// https://mailbox.local opens on most computers without a DNS entry.
//
// In: the box's cards and addresses ([Responder.SetInterfaces]); packets to port
// 5353 from anybody on the cable. Out: answers with A, AAAA and NSEC records;
// the name that holds now, through Options.OnName. When another device has the
// name, the box takes mailbox-2, then mailbox-3, and so on.
//
// Durability: none; the name is tried out anew at each start.
//
// Concurrency: one goroutine runs [Responder.Run] and owns all state;
// SetInterfaces is safe for concurrent use.
//
// Hostile input: packets are parsed lazily and bounded in size and in number of
// records; only packets from the same network are looked at; answers are limited
// per card and in total, so that the box is no amplifier.
//
// RFCs: 6762 (probing §8.1, simultaneous probes §8.2, announcing §8.3, conflicts
// §9, negative answers §6.1, known answers §7.1, unicast and legacy answers
// §5.4 and §6.7, source check §11). Left out: browsing for services (RFC 6763),
// known answers spread over several packets (§7.2), goodbye packets: the records
// live for two minutes only.
package mdns
