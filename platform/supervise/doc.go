// Package supervise runs the services of the box: the part of PID 1 that a
// Linux server would leave to systemd.
//
// What comes in: unit files in systemd's format ([LoadUnits]; a fixed list of
// directives, anything else is an error) and children's exits, readiness and
// watchdog messages. What goes out: processes with the rights their unit
// gives them and no more, restarted for as long as the box runs, and a
// [Status] of each. Nothing here is durable.
//
// The four questions are kept apart:
//
//	what   spec.go, parse.go, load.go   a unit file's meaning, as plain data
//	how    runner.go, shim.go, cgroup.go, children.go, sockets.go, notify.go
//	       view.go, landlock.go, seccomp.go, calls.go   what it may see, open and ask for
//	when   conditions.go                After=, readiness, the order of shutdown
//	again  backoff.go                   1 s, 2 s, 4 s … 60 s; degraded
//
// and supervisor.go turns the answers into one loop. Everything that happens
// to a unit happens in that loop's goroutine; the heartbeat that feeds the
// hardware watchdog is called from the same loop, so that a stuck supervisor
// is noticed.
//
// Socket activation: PID 1 opens every listening socket once and keeps it. A
// restarting service finds the connections that arrived meanwhile in the
// backlog.
//
// Reaping: os/exec is not used in PID 1 at all. [Children] is the one place
// that forks and the one place that waits: a child that was started here is
// waited for by its own pidfd, and only a process nobody knows (an orphan that
// was re-parented to PID 1) is reaped by the loop over all children, which
// looks first (WNOWAIT) and takes it only when it is unknown. The race between
// two waiters cannot occur.
//
// Concurrency: Children, Runner and Supervisor's exported methods may be used
// from any goroutine. Run is called once.
//
// Confinement: the shim takes each restriction upon itself in the order in which
// the earlier do not forbid the later (shim.go, becomeService): limits, own mount
// view, capabilities, groups, user, no_new_privs, Landlock, system calls, exec. A
// layer that cannot be put on ends the start; only a Landlock older than we know
// is logged and gone on without, since the mount view stands. Directives mean
// what systemd.exec(5) says, and ReadOnlyPaths= more: once any path is named,
// nothing is seen but what is.
//
// Protocols: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3) (the
// manager's side), cgroups v2.
package supervise
