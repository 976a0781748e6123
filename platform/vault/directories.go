package vault

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Cipher is how files and their names are encrypted.
type Cipher string

// The ciphers: AES-256 (XTS for contents, CTS for names) where the processor has instructions for it; Adiantum, which
// is several times faster where it has not.
const (
	AES      Cipher = "aes-256"
	Adiantum Cipher = "adiantum"
)

func (c Cipher) known() bool { return c == AES || c == Adiantum }

// Modules are the kernel modules that a cipher needs; the kernel asks for them by name, and nobody answers.
func (c Cipher) Modules() string {
	if c == Adiantum {
		return "sha512_generic chacha_x86_64 nhpoly1305_sse2 adiantum"
	}
	return "sha512_generic aesni_intel aes_ce_blk xts cts"
}

// modes are those of the kernel for contents and names.
func (c Cipher) modes() (contents, names uint8) {
	if c == Adiantum {
		return unix.FSCRYPT_MODE_ADIANTUM, unix.FSCRYPT_MODE_ADIANTUM
	}
	return unix.FSCRYPT_MODE_AES_256_XTS, unix.FSCRYPT_MODE_AES_256_CTS
}

// ID names a key: the kernel computes it from the key, and it stands in the directories.
type ID [unix.FSCRYPT_KEY_IDENTIFIER_SIZE]byte

// addKey is the kernel's struct fscrypt_add_key_arg with the key behind it.
type addKey struct {
	unix.FscryptAddKeyArg
	raw Key
}

// Unlock gives a key to the file system that is mounted at dir, until it is unmounted: what is encrypted by it can be
// read from then on. It wants CAP_SYS_ADMIN or nothing at all, and the same key any number of times.
func Unlock(dir string, k Key) (ID, error) {
	var id ID
	arg := addKey{raw: k}
	arg.Key_spec.Type = unix.FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER
	arg.Raw_size = uint32(len(k))
	err := control(dir, unix.FS_IOC_ADD_ENCRYPTION_KEY, unsafe.Pointer(&arg))
	clear(arg.raw[:])
	if err != nil {
		return id, fmt.Errorf("vault: give the kernel the key: %w", err)
	}
	copy(id[:], arg.Key_spec.U[:])
	return id, nil
}

// Lock takes a key back from the file system: what is encrypted by it can't be opened any more.
func Lock(dir string, id ID) error {
	var arg unix.FscryptRemoveKeyArg
	arg.Key_spec.Type = unix.FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER
	copy(arg.Key_spec.U[:], id[:])
	if err := control(dir, unix.FS_IOC_REMOVE_ENCRYPTION_KEY, unsafe.Pointer(&arg)); err != nil {
		return fmt.Errorf("vault: take the key back: %w", err)
	}
	return nil
}

// Protect has everything that is put into dir encrypted. It must be empty, and its file system must have the key. A
// directory that is encrypted by this key already stays as it is.
func Protect(dir string, id ID, c Cipher) error {
	contents, names := c.modes()
	policy := unix.FscryptPolicyV2{
		Version:                   unix.FSCRYPT_POLICY_V2,
		Contents_encryption_mode:  contents,
		Filenames_encryption_mode: names,
		Flags:                     unix.FSCRYPT_POLICY_FLAGS_PAD_32,
		Master_key_identifier:     id,
	}
	if c == Adiantum {
		policy.Flags |= unix.FSCRYPT_POLICY_FLAG_DIRECT_KEY // its block is the whole sector
	}
	if err := control(dir, unix.FS_IOC_SET_ENCRYPTION_POLICY, unsafe.Pointer(&policy)); err != nil {
		return fmt.Errorf("vault: encrypt %s: %w", dir, err)
	}
	return nil
}

// Protected says whether dir is encrypted, and by which key. Not to be able to say, on a file system without
// encryption, is no.
func Protected(dir string) (ID, bool, error) {
	var id ID
	var arg unix.FscryptGetPolicyExArg
	arg.Size = uint64(len(arg.Policy))
	err := control(dir, unix.FS_IOC_GET_ENCRYPTION_POLICY_EX, unsafe.Pointer(&arg))
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOTTY):
		return id, false, nil
	case err != nil:
		return id, false, fmt.Errorf("vault: ask how %s is encrypted: %w", dir, err)
	}
	policy := (*unix.FscryptPolicyV2)(unsafe.Pointer(&arg.Policy))
	if policy.Version != unix.FSCRYPT_POLICY_V2 {
		return id, false, fmt.Errorf("vault: %s is encrypted in a way (version %d) that is not ours", dir, policy.Version)
	}
	return policy.Master_key_identifier, true, nil
}

// control asks the kernel something about a directory.
func control(dir string, request uintptr, arg unsafe.Pointer) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg))
	runtime.KeepAlive(arg)
	err = f.Close()
	if errno != 0 {
		return errno
	}
	return err
}
