package operator

// machineCommands are those about the box itself, and who watches over it.
func machineCommands() []command {
	return []command{
		{"update status", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say which version runs, which one can be gone back to, and how the last update ended", updateStatus},
		{"update install", "FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "install an update (FILE.update) beside the version that runs, and wait until it is on the disk; the next start tries it, and returns by itself if it doesn't work", updateInstall},
		{"update source", "[URL] [WHEN] --box https://ADDRESS --token-file FILE [--ca FILE]", "say from where the box fetches updates by itself; with URL (https://…/NAME.update, always the newest; none: from nowhere, as at first) and WHEN (\"sun 02:00-04:00\", in the office's time, or always) set that", updateSource},
		{"update previous", "--box https://ADDRESS --token-file FILE [--ca FILE]", "have the version before this one start next", updatePrevious},
		{"monitor show", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say who gets the box's log and its figures, and who is told of trouble", monitorShow},
		{"monitor syslog", "COLLECTOR [CERTIFICATE] --box https://ADDRESS --token-file FILE [--ca FILE]", "pass the box's log on to a collector (RFC 5424), written like tls:logs.example.com, tcp:logs.example.com:1514 or udp:192.168.1.9, or to none; CERTIFICATE is a file (PEM) with those to believe instead of the usual ones", monitorSyslog},
		{"monitor metrics", "WHAT --box https://ADDRESS --token-file FILE [--ca FILE]", "on: give figures for Prometheus at /metrics and show the token for them, once; off: give none", monitorMetrics},
		{"monitor letters", "WHAT --box https://ADDRESS --token-file FILE [--ca FILE]", "on or off: write to the administrators when something is wrong with the box", monitorLetters},
		{"support list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say what a support bundle has", supportList},
		{"support bundle", "--to FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "write what somebody needs to know who is to help: figures, findings and the log, in a zip archive without mail and passwords", supportBundle},
		{"encryption show", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say how the box's disk is encrypted, and what opens it", encryptionShow},
		{"encryption phrase", "--box https://ADDRESS --token-file FILE [--ca FILE]", "make a recovery phrase, which opens the disk when this machine is gone; it is shown once and typed back, and the one before then opens nothing", encryptionPhrase},
		{"factory-reset", "WORD --box https://ADDRESS --token-file FILE [--ca FILE]", "erase all mail, people and settings of the box and restart it as a new one; WORD is erase, and the administrator's password is asked for", factoryReset},
		{"restart", "--box https://ADDRESS --token-file FILE [--ca FILE]", "restart the box", restart},
		{"power-off", "--box https://ADDRESS --token-file FILE [--ca FILE]", "switch the box off; only its button switches it on again", powerOff},
	}
}
