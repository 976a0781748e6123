// Package vault keeps the office's mail unreadable for whoever has only the disk: the directories with all that is
// private are encrypted by the file system (fscrypt, version 2 policies), and this package keeps their key.
//
// In: a file system that can encrypt, a TPM where the machine has one, the recovery phrase that somebody wrote down.
// Out: a [Letter], the key as it stands on the disk: sealed by the phrase, by the TPM, or by both; and directories that
// can be read while the machine runs ([Unlock]).
//
// # The key
//
// 64 random bytes, made once, with the file system. Only the kernel has it while the machine runs, and nobody can ask
// the kernel for it. The letter stands beside the encrypted directories, in the open: without phrase or TPM it is of
// no use. Who destroys the letter ([Destroy]) destroys the mail.
//
// # The phrase
//
// Eight groups of four letters and digits: 120 random bits, and in each group a character that shows which of them was
// mistyped. Nobody can try so many, so it needs no slow hash.
//
// # The TPM
//
// The TPM gives the key back to a machine that was started by the same firmware settings: the policy is PCR 7, which
// says whether Secure Boot is on and whose signatures count. Updates of the box leave it as it is. Firmware that brings
// other lists of signatures doesn't, and neither does turning Secure Boot on: then the phrase is asked for, and the TPM
// knows the key again.
// That guards the disk that is taken out, sold or sent in. It guards the whole machine only where nobody else's system
// can be started on it (Secure Boot with a key of one's own); otherwise the phrase at each start does.
//
// Durable on return: what Write and Destroy did. A Letter is a value; functions may be called concurrently on different
// files.
package vault
