// Package smart asks disks how they are: SATA disks by SMART, NVMe disks by their
// health log.
//
// What comes in: the device of a whole disk, opened by whoever may (PID 1). What goes
// out: a [Report], the same for both kinds; [ErrSilent] for disks that say nothing,
// as those of virtual machines and many USB bridges.
//
// Only data is read; no self-test is begun and no setting changed. The parsers are pure
// functions of what the disk gave, which may be anything: a broken disk lies.
//
// Concurrency: any number of goroutines; a disk that hangs holds its caller for as long
// as the kernel waits for it, which is why [Read] belongs on a goroutine of its own.
//
// Formats: ATA/ATAPI Command Set 3 (SMART READ DATA, SMART RETURN STATUS), whose
// attributes never became a standard (the numbers used are those on which all makers
// agree); SCSI/ATA Translation 3 (ATA PASS-THROUGH (16)); NVM Express 1.4 §5.14.1.2
// (SMART / Health Information).
package smart
