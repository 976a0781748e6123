// Package netconf configures the box's network: it turns a [Config] and what
// the network says into addresses, default routes and a resolver file.
//
// In: the settings in network.json ([ParseConfig]); link and address changes
// from the kernel (rtnetlink); DHCPv4 replies; the RDNSS options of IPv6 router
// advertisements, which the kernel validates and hands up; ARP probes.
//
// Out: addresses, default routes and the MTU of every wired network card; a
// resolv.conf; a [Status] file in JSON for the console and the pages; a line of
// text for the supervisor. [Addresses], [OnLinkPrefixes] and [DefaultGateways]
// need no manager and no privilege: any process may ask them at any time.
//
// Durability: nothing here is durable. What is written stands below /run and is
// made anew at every start. An address that a stopped manager leaves behind
// ends with its DHCP lease, because the kernel is told the lease's length.
//
// Concurrency: one goroutine ([Manager.Run]) owns all state and is the only one
// that changes the kernel's. Each card with a cable has one DHCP goroutine that
// only reports to it. Everything exported is safe for concurrent use unless its
// comment says otherwise.
//
// Hostile input: every packet read here may come from anybody on the cable. The
// parsers are bounded by named constants and have fuzz targets; a lease is
// checked as a whole before anything of it is used ([Lease]); raw sockets are
// open only while an answer is awaited and carry a kernel filter.
//
// RFCs: 2131 and 2132 (DHCP), 3927 (IPv4 link-local addresses), 5227 (address
// conflict detection; probing and announcing, not the lifelong defence), 4861
// (router solicitation), 8106 (RDNSS), 8415 (DHCPv6, name servers only). Left
// out: addresses by DHCPv6 (the kernel makes them from router advertisements),
// RFC 3442 classless routes (never requested).
package netconf
