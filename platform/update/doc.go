// Package update reads signed updates of the box's image, puts them onto the boot partition beside the version
// that runs, and says which versions stand there and which of them the loader starts.
//
// In: an update (a bundle), the keys the running image trusts, a boot partition that is mounted for writing. Out: a
// new kernel image on it, which the loader tries three times; or an [Error], and the partition holds what it held.
//
// # The bundle
//
// A tar archive (USTAR) of exactly three files, in this order:
//
//	manifest.json          what it is and whom it is for: see [Manifest]
//	manifest.json.minisig  minisign's signature of those bytes (Ed25519 over BLAKE2b-512)
//	sanduk_VERSION.efi     the unified kernel image; the manifest has its size and SHA-256
//
// The manifest is judged before a byte of the image is read, the image is hashed while it is written and once more
// when it is read back from the disk.
//
// # The boot partition
//
// The loader (systemd-boot, by the Boot Loader Specification) reads the versions from EFI/Linux and how often each
// may still be tried from its file's name:
//
//	state         file in EFI/Linux           who moves it on, and how
//	being written sanduk.new                  Install: sync, read back, rename; Tidy removes what a power cut left
//	on trial      sanduk_1.2.3+3.efi          the loader, before each start: +2-1, +1-2, +0-3
//	blessed       sanduk_1.2.3.efi            Bless renames; never counts again
//	failed        sanduk_1.2.3+0-3.efi        nobody starts it while another is there; Tidy, with the next update
//	left          sanduk_1.2.3+0.efi          GoBack: a blessed version that a person doesn't want any more
//
// Only a version on trial has a counter: a series of power cuts can't use up one that has proved itself. A version
// has one name at a time; where a power cut in a rename left two, Tidy keeps the one the rename began with.
// At most three versions stand there: the one that runs, the one before, and one on trial.
//
// # What outlives a version
//
// The file update.json on the data disk, in [State]: the lowest version that may still run (the floor), the form in
// which the data is kept (the schema), and what became of the last updates.
//
// # The schema
//
// Each image says which forms of the data it reads and which it writes. While it is on trial it writes the form that
// is there already, so that its predecessor can read all mail that came meanwhile; when it is blessed the data may
// take its form, and a version that can't read that is refused from then on. An update that can't read the data that
// is there is refused before it is written; a version that was flashed past all this looks for itself, when it starts,
// and leaves data alone that it can't read (Admit). State has the data's new form before a service writes it.
//
// # Concurrency
//
// The functions are for PID 1, one call at a time.
package update
