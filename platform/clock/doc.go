// Package clock keeps the box's time: a floor at boot that never lies backwards,
// and SNTP afterwards. Nothing ever waits for it.
//
// In: the hardware clock's time, the build's, and the time saved last ([Floor]);
// answers of time servers. Out: the kernel's clock, stepped or slewed
// ([Keeper]); a [State] file that says whether the time is to be trusted; the
// time saved now and then through a function of the caller's.
//
// Trust: SNTP is not signed. Several servers are asked at once and a majority
// must agree; a time before the build or long after it is refused. Mail goes on
// with an untrusted clock; whether dates may be judged by it says [Sure].
//
// Durability: [WriteSaved] returns when the time is on disk. The State file lives
// below /run and is lost on purpose.
//
// Concurrency: one goroutine runs [Keeper.Run]; all else is safe for concurrent
// use. RFCs: 4330 and 5905 (SNTP as a client).
package clock
