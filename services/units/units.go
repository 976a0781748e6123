// Package units holds the one definition of the box's processes, users,
// sockets and limits: systemd unit files, read by the box's own supervisor
// (platform/supervise) and by a real systemd alike.
//
// What comes in: nothing. What goes out: [FS]. The files are data; what each
// directive means is systemd.service(5), systemd.socket(5), systemd.exec(5)
// and systemd.resource-control(5). A directive that the supervisor does not
// know fails the image build, not the boot.
package units

import "embed"

// FS holds every *.service and *.socket file at its top level.
//
//go:embed *.service *.socket
var FS embed.FS
