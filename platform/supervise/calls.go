package supervise

import (
	"maps"

	"golang.org/x/sys/unix"
)

// callNumbers are the system calls that may stand in a unit file, with their
// numbers on this machine; -1 is one that other machines have. It is what
// services of this box could sensibly need: a name outside it is refused although
// the kernel may know it.
func callNumbers() map[string]int {
	numbers := map[string]int{
		"read": unix.SYS_READ, "write": unix.SYS_WRITE, "pread64": unix.SYS_PREAD64, "pwrite64": unix.SYS_PWRITE64, "readv": unix.SYS_READV,
		"writev": unix.SYS_WRITEV, "preadv": unix.SYS_PREADV, "pwritev": unix.SYS_PWRITEV, "openat": unix.SYS_OPENAT, "close": unix.SYS_CLOSE,
		"close_range": unix.SYS_CLOSE_RANGE, "dup": unix.SYS_DUP, "dup3": unix.SYS_DUP3, "pipe2": unix.SYS_PIPE2, "fcntl": unix.SYS_FCNTL,
		"flock": unix.SYS_FLOCK, "ioctl": unix.SYS_IOCTL, "lseek": unix.SYS_LSEEK, "fstat": unix.SYS_FSTAT, "statx": unix.SYS_STATX,
		"statfs": unix.SYS_STATFS, "fstatfs": unix.SYS_FSTATFS, "getdents64": unix.SYS_GETDENTS64, "getcwd": unix.SYS_GETCWD, "chdir": unix.SYS_CHDIR,
		"umask": unix.SYS_UMASK, "ftruncate": unix.SYS_FTRUNCATE, "truncate": unix.SYS_TRUNCATE, "fallocate": unix.SYS_FALLOCATE,
		"fadvise64": unix.SYS_FADVISE64, "fsync": unix.SYS_FSYNC, "fdatasync": unix.SYS_FDATASYNC, "sync_file_range": unix.SYS_SYNC_FILE_RANGE,
		"copy_file_range": unix.SYS_COPY_FILE_RANGE, "sendfile": unix.SYS_SENDFILE, "splice": unix.SYS_SPLICE, "mkdirat": unix.SYS_MKDIRAT,
		"unlinkat": unix.SYS_UNLINKAT, "renameat": unix.SYS_RENAMEAT, "renameat2": unix.SYS_RENAMEAT2, "linkat": unix.SYS_LINKAT,
		"symlinkat": unix.SYS_SYMLINKAT, "readlinkat": unix.SYS_READLINKAT, "fchmod": unix.SYS_FCHMOD, "fchmodat": unix.SYS_FCHMODAT,
		"fchown": unix.SYS_FCHOWN, "fchownat": unix.SYS_FCHOWNAT, "faccessat": unix.SYS_FACCESSAT, "faccessat2": unix.SYS_FACCESSAT2,
		"utimensat": unix.SYS_UTIMENSAT, "mmap": unix.SYS_MMAP, "munmap": unix.SYS_MUNMAP, "mprotect": unix.SYS_MPROTECT, "madvise": unix.SYS_MADVISE,
		"mremap": unix.SYS_MREMAP, "msync": unix.SYS_MSYNC, "mincore": unix.SYS_MINCORE, "brk": unix.SYS_BRK, "mlock": unix.SYS_MLOCK,
		"rt_sigaction": unix.SYS_RT_SIGACTION, "rt_sigprocmask": unix.SYS_RT_SIGPROCMASK, "rt_sigreturn": unix.SYS_RT_SIGRETURN,
		"sigaltstack": unix.SYS_SIGALTSTACK, "tgkill": unix.SYS_TGKILL, "exit": unix.SYS_EXIT, "exit_group": unix.SYS_EXIT_GROUP, "futex": unix.SYS_FUTEX,
		"sched_yield": unix.SYS_SCHED_YIELD, "sched_getaffinity": unix.SYS_SCHED_GETAFFINITY, "nanosleep": unix.SYS_NANOSLEEP,
		"clock_nanosleep": unix.SYS_CLOCK_NANOSLEEP, "clock_gettime": unix.SYS_CLOCK_GETTIME, "clock_getres": unix.SYS_CLOCK_GETRES,
		"gettimeofday": unix.SYS_GETTIMEOFDAY, "setitimer": unix.SYS_SETITIMER, "timer_create": unix.SYS_TIMER_CREATE,
		"timer_settime": unix.SYS_TIMER_SETTIME, "timer_delete": unix.SYS_TIMER_DELETE, "restart_syscall": unix.SYS_RESTART_SYSCALL,
		"clock_settime": unix.SYS_CLOCK_SETTIME, "clock_adjtime": unix.SYS_CLOCK_ADJTIME, "adjtimex": unix.SYS_ADJTIMEX,
		"settimeofday": unix.SYS_SETTIMEOFDAY, "clone": unix.SYS_CLONE, "set_robust_list": unix.SYS_SET_ROBUST_LIST, "rseq": unix.SYS_RSEQ,
		"set_tid_address": unix.SYS_SET_TID_ADDRESS, "prctl": unix.SYS_PRCTL, "execve": unix.SYS_EXECVE, "membarrier": unix.SYS_MEMBARRIER,
		"getpid": unix.SYS_GETPID, "getppid": unix.SYS_GETPPID, "gettid": unix.SYS_GETTID, "getuid": unix.SYS_GETUID, "geteuid": unix.SYS_GETEUID,
		"getgid": unix.SYS_GETGID, "getegid": unix.SYS_GETEGID, "getgroups": unix.SYS_GETGROUPS, "getrlimit": unix.SYS_GETRLIMIT,
		"setrlimit": unix.SYS_SETRLIMIT, "prlimit64": unix.SYS_PRLIMIT64, "getrusage": unix.SYS_GETRUSAGE, "uname": unix.SYS_UNAME,
		"sysinfo": unix.SYS_SYSINFO, "getrandom": unix.SYS_GETRANDOM, "sethostname": unix.SYS_SETHOSTNAME, "socket": unix.SYS_SOCKET,
		"socketpair": unix.SYS_SOCKETPAIR, "bind": unix.SYS_BIND, "listen": unix.SYS_LISTEN, "accept": unix.SYS_ACCEPT, "accept4": unix.SYS_ACCEPT4,
		"connect": unix.SYS_CONNECT, "getsockname": unix.SYS_GETSOCKNAME, "getpeername": unix.SYS_GETPEERNAME, "setsockopt": unix.SYS_SETSOCKOPT,
		"getsockopt": unix.SYS_GETSOCKOPT, "sendto": unix.SYS_SENDTO, "recvfrom": unix.SYS_RECVFROM, "sendmsg": unix.SYS_SENDMSG,
		"recvmsg": unix.SYS_RECVMSG, "sendmmsg": unix.SYS_SENDMMSG, "recvmmsg": unix.SYS_RECVMMSG, "shutdown": unix.SYS_SHUTDOWN,
		"epoll_create1": unix.SYS_EPOLL_CREATE1, "epoll_ctl": unix.SYS_EPOLL_CTL, "epoll_pwait": unix.SYS_EPOLL_PWAIT, "epoll_pwait2": unix.SYS_EPOLL_PWAIT2,
		"eventfd2": unix.SYS_EVENTFD2, "ppoll": unix.SYS_PPOLL, "pselect6": unix.SYS_PSELECT6, "timerfd_create": unix.SYS_TIMERFD_CREATE,
		"timerfd_settime": unix.SYS_TIMERFD_SETTIME, "inotify_init1": unix.SYS_INOTIFY_INIT1, "inotify_add_watch": unix.SYS_INOTIFY_ADD_WATCH,
		"inotify_rm_watch": unix.SYS_INOTIFY_RM_WATCH,
	}
	maps.Copy(numbers, machineCalls())
	return numbers
}
