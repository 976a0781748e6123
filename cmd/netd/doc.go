// Netd gives the box its network: addresses, routes and name servers, its name
// in .local, the time, and the rules of the packet filter. PID 1 starts it as the user netd with CAP_NET_ADMIN,
// CAP_NET_RAW, CAP_NET_BIND_SERVICE and CAP_SYS_TIME.
//
// In: network.json and firewall.json (read again on SIGHUP), the machine's host name, the network.
// Out: resolv.conf, status.json and clock.json in the run directory; with a state
// directory, the time and the leases saved for the next boot; the kernel's table of rules. Ready once every card has been
// switched on: nothing ever waits for a lease, a name or the time.
package main
