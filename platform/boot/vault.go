package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/firewall"
	"github.com/sanduk-mail/sanduk/platform/vault"
)

// The letter with the key stands in two places: with it everything private would be lost.
const letterFile = "vault.json"

func letterDirs() [2]string { return [...]string{"box", "vault"} } // below dataDir

// privateDirs are encrypted, below dataDir.
func privateDirs() [2]string { return [...]string{mailDir, "private"} }

// tpmDevice is the TPM, with the kernel's resource manager before it.
const tpmDevice = "/dev/tpmrm0"

// safe is what is known of the encryption of all that is private.
type safe struct {
	open chan struct{} // closed when it can be read

	mu     sync.Mutex
	letter *vault.Letter // nil: nothing is encrypted
	key    vault.Key     // once it is open
	// What is private is either about to be made anew or about to become an office's: whichever is said first
	// stands until the machine ends.
	renewing bool
	setUp    bool
}

func newSafe() *safe { return &safe{open: make(chan struct{})} }

// locked says whether a phrase is waited for.
func (s *safe) locked() bool {
	select {
	case <-s.open:
		return false
	default:
		return true
	}
}

// wait returns when what is private can be read, or ctx ends.
func (s *safe) wait(ctx context.Context) {
	select {
	case <-s.open:
	case <-ctx.Done():
	}
}

// openSafe opens what is encrypted, as far as this machine can by itself. A new disk is encrypted where a TPM can keep
// the key; what has mail on it stays as it is.
func (m *Machine) openSafe() error {
	letter, err := readLetter(dataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err != nil && neverProtected(dataDir):
		return m.furnishSafe()
	case err != nil:
		return &disk.RecoveryError{Fault: disk.FaultDamaged, Text: "The mail is encrypted, and the file with its sealed key is damaged. Switch off, and have the disk copied before anything else is tried.", Err: err}
	}
	if err := mendLetter(dataDir, letter); err != nil {
		m.log.Error("the sealed key stands on the disk once only", "err", err)
	}
	if letter.Plain {
		return m.leaveOpen()
	}
	m.safe.letter = &letter
	if letter.TPM == nil {
		m.log.Info("what is private is locked until the phrase is typed")
		return nil
	}
	key, err := m.askTPM(letter)
	if err != nil {
		m.log.Error("the TPM does not open what is private", "err", err)
		if letter.Phrase == nil {
			return &disk.RecoveryError{Text: "The mail is encrypted by this machine's TPM, which does not open it any more, and nobody has made a recovery phrase. Put the firmware's settings for Secure Boot back as they were; the disk belongs to the machine it was set up in.", Err: err}
		}
		return nil
	}
	return m.unlock(key)
}

// furnishSafe is openSafe where there is no letter.
func (m *Machine) furnishSafe() error {
	id, protected, err := vault.Protected(filepath.Join(dataDir, mailDir))
	if err != nil || protected {
		return &disk.RecoveryError{Fault: disk.FaultDamaged, Text: "The mail is encrypted, and the file with its sealed key is gone. Switch off, and have the disk copied before anything else is tried.", Err: errors.Join(err, fmt.Errorf("key %x", id))}
	}
	tpm, err := openTPM()
	if err != nil || !unused(dataDir) {
		close(m.safe.open) // nothing is encrypted
		return nil
	}
	defer func() { _ = tpm.Close() }() // nothing was written
	letter := vault.Letter{Cipher: chooseCipher(), Begun: true}
	key := vault.NewKey()
	if letter.TPM, err = vault.SealTPM(tpm, key); err != nil {
		m.log.Error("the TPM takes no key; the disk is not encrypted", "err", err)
		close(m.safe.open)
		return nil
	}
	if err := writeLetter(dataDir, letter); err != nil {
		return err
	}
	m.safe.letter = &letter
	return m.unlock(key)
}

// leaveOpen has nothing encrypted: directories that are, from before somebody chose so, are made anew.
func (m *Machine) leaveOpen() error {
	for _, name := range privateDirs() {
		dir := filepath.Join(dataDir, name)
		_, protected, err := vault.Protected(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if protected {
			if err := renew(dir, func(string) error { return nil }); err != nil {
				return err
			}
		}
	}
	close(m.safe.open)
	return nil
}

// neverProtected says that nothing private is encrypted: a letter that can't be read is then one whose first writing was
// cut, or says so; nobody needs its key. What can't be told counts as encrypted.
func neverProtected(dir string) bool {
	for _, name := range privateDirs() {
		_, protected, err := vault.Protected(filepath.Join(dir, name))
		if protected || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// unused says whether nothing private has ever been put onto the disk.
func unused(dir string) bool {
	for _, name := range privateDirs() {
		if entries, err := os.ReadDir(filepath.Join(dir, name)); err == nil && len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// unlock gives the file system the key. Directories that are to be encrypted and aren't yet are made anew: what is in
// them was there before the choice.
func (m *Machine) unlock(key vault.Key) error {
	letter := *m.safe.letter
	m.need(letter.Cipher.Modules())
	id, err := vault.Unlock(dataDir, key)
	if err != nil {
		return err
	}
	for _, name := range privateDirs() {
		dir := filepath.Join(dataDir, name)
		have, protected, err := vault.Protected(dir)
		switch {
		case protected && have == id:
			continue
		case protected:
			return fmt.Errorf("vault: %w: %s is encrypted by key %x, and this is %x", vault.ErrDamaged, dir, have, id)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case !letter.Begun:
			return fmt.Errorf("vault: %s is not encrypted, though everything private should be", dir)
		}
		if err := renew(dir, func(fresh string) error { return vault.Protect(fresh, id, letter.Cipher) }); err != nil {
			return err
		}
	}
	if letter.Begun {
		letter.Begun = false
		if err := writeLetter(dataDir, letter); err != nil {
			return err
		}
		m.log.Info("what is private is encrypted from now on", "cipher", string(letter.Cipher))
	}
	m.safe.letter, m.safe.key = &letter, key
	close(m.safe.open)
	return nil
}

// renew makes a directory anew, empty and as prepare makes it. It must not have what anybody still needs. There is always
// one of that name: a start that finds none takes the disk for damaged.
func renew(dir string, prepare func(fresh string) error) error {
	fresh := dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return err
	}
	if err := prepare(fresh); err != nil {
		return err
	}
	// Without its key nothing can be written over in an encrypted one; it can be removed.
	if err := disk.Shred(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOKEY) {
		return err
	}
	old, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range old {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	// In place of an empty directory, or of none, this is one step.
	return unix.Rename(fresh, dir)
}

// readLetter reads the letter from the first place where it is whole.
func readLetter(dir string) (letter vault.Letter, err error) {
	var damage error
	for _, place := range letterDirs() {
		if letter, err = readLetterIn(filepath.Join(dir, place)); err == nil {
			return letter, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			damage = errors.Join(damage, err)
		}
	}
	if damage != nil {
		return letter, damage
	}
	return letter, fs.ErrNotExist
}

func readLetterIn(dir string) (vault.Letter, error) {
	files, err := durable.NewOS(dir)
	if err != nil {
		return vault.Letter{}, err
	}
	defer func() { _ = files.Close() }() // only read from
	return vault.Read(files, letterFile)
}

// mendLetter makes all places like the one that counts. After a cut one may have the letter from before, with what opened
// it then; and one that is damaged is no help on the day when the other is.
func mendLetter(dir string, letter vault.Letter) error {
	var errs []error
	for _, place := range letterDirs() {
		place = filepath.Join(dir, place)
		if have, err := readLetterIn(place); err != nil || have.Sum != letter.Sum {
			errs = append(errs, writeLetterIn(place, letter))
		}
	}
	return errors.Join(errs...)
}

// writeLetter puts the letter into its places; it is durable on return.
func writeLetter(dir string, letter vault.Letter) error {
	for _, place := range letterDirs() {
		if err := writeLetterIn(filepath.Join(dir, place), letter); err != nil {
			return err
		}
	}
	return nil
}

func writeLetterIn(dir string, letter vault.Letter) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files, err := durable.NewOS(dir)
	if err != nil {
		return err
	}
	return errors.Join(letter.Write(files, letterFile), files.Close())
}

func openTPM() (transport.TPMCloser, error) { return linuxtpm.Open(tpmDevice) }

// askTPM has the TPM open the letter.
func (m *Machine) askTPM(letter vault.Letter) (vault.Key, error) {
	tpm, err := openTPM()
	if err != nil {
		return vault.Key{}, err
	}
	defer func() { _ = tpm.Close() }() // nothing was written
	return letter.TPM.Open(tpm)
}

// chooseCipher is AES where the processor has it.
func chooseCipher() vault.Cipher {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return vault.AES // which every kernel has
	}
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name != "flags" && name != "Features" {
			continue
		}
		for flag := range strings.FieldsSeq(value) {
			if flag == "aes" {
				return vault.AES
			}
		}
		return vault.Adiantum
	}
	return vault.AES
}

func (m *Machine) verbVault(context.Context, json.RawMessage) (any, error) {
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	_, err := os.Stat(tpmDevice)
	s := control.VaultState{HasTPM: err == nil, Locked: m.safe.locked()}
	if l := m.safe.letter; l != nil {
		s.Encrypted, s.Cipher, s.Phrase, s.TPM = true, string(l.Cipher), l.Phrase != nil, l.TPM != nil
		s.Ask = l.TPM == nil
	}
	return s, nil
}

// phraseOf reads the phrase of a request.
func phraseOf(raw json.RawMessage) (vault.Phrase, control.PhraseArgs, error) {
	var args control.PhraseArgs
	if err := control.Strict(raw, &args); err != nil {
		return vault.Phrase{}, args, err
	}
	p, err := vault.ParsePhrase(args.Phrase)
	if wrong, ok := errors.AsType[*vault.PhraseError](err); ok {
		return p, args, control.Invalid("%s", wrong.Public)
	}
	return p, args, err
}

// verbUnlock opens what is private for whoever has the phrase. Where the TPM should have, it is told the key again: the
// disk is in another machine, or the firmware has other settings.
func (m *Machine) verbUnlock(_ context.Context, raw json.RawMessage) (any, error) {
	phrase, _, err := phraseOf(raw)
	if err != nil {
		return nil, err
	}
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	if !m.safe.locked() {
		return nil, nil
	}
	if m.safe.letter == nil || m.safe.letter.Phrase == nil {
		return nil, errNoData
	}
	key, err := m.safe.letter.Phrase.Open(phrase)
	if errors.Is(err, vault.ErrPhrase) {
		m.log.Warn("a phrase that is not the box's was typed")
		return nil, control.Invalid("This is not the recovery phrase of this box.")
	}
	if err != nil {
		return nil, err
	}
	if err := m.unlock(key); err != nil {
		return nil, err
	}
	m.log.Info("what is private was opened by its phrase")
	m.say("unlocked by the recovery phrase")
	if m.safe.letter.TPM != nil {
		if err := m.reseal(false); err != nil {
			m.log.Error("the TPM was not told the key again", "err", err)
		}
	}
	return nil, m.furnishPrivate()
}

// reseal writes the letter anew, with the TPM's part made by this machine's TPM, or with none.
func (m *Machine) reseal(ask bool) error {
	letter := *m.safe.letter
	letter.TPM = nil
	if !ask {
		tpm, err := openTPM()
		if err != nil {
			return err
		}
		letter.TPM, err = vault.SealTPM(tpm, m.safe.key)
		if err = errors.Join(err, tpm.Close()); err != nil {
			return err
		}
	}
	if err := writeLetter(dataDir, letter); err != nil {
		return err
	}
	m.safe.letter = &letter
	return nil
}

func (m *Machine) verbNewPhrase(context.Context, json.RawMessage) (any, error) {
	return control.PhraseArgs{Phrase: vault.NewPhrase().String()}, nil
}

// verbKeepPhrase seals the key by a new phrase. What the one before sealed is overwritten.
func (m *Machine) verbKeepPhrase(_ context.Context, raw json.RawMessage) (any, error) {
	phrase, args, err := phraseOf(raw)
	if err != nil {
		return nil, err
	}
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	if m.safe.letter == nil || m.safe.locked() {
		return nil, control.Invalid("nothing is encrypted that a phrase could open")
	}
	before := *m.safe.letter
	letter := before
	if letter.Phrase, err = vault.SealPhrase(m.safe.key, phrase); err != nil {
		return nil, err
	}
	m.safe.letter = &letter
	if ask := args.Ask || before.TPM == nil && !hasTPM(); ask || before.TPM == nil {
		err = m.reseal(ask)
	} else {
		err = writeLetter(dataDir, letter)
	}
	if err != nil {
		m.safe.letter = &before
		if errors.Is(err, vault.ErrUnmeasured) {
			return nil, control.Invalid("%s", vault.ErrUnmeasured)
		}
		return nil, err
	}
	m.log.Info("there is a new recovery phrase", "asked_at_each_start", m.safe.letter.TPM == nil)
	return nil, nil
}

func hasTPM() bool {
	_, err := os.Stat(tpmDevice)
	return err == nil
}

// verbSetupBegin has what is private stay. It comes before the set-up is committed: whoever is told that the box is set
// up finds it so after any restart.
func (m *Machine) verbSetupBegin(context.Context, json.RawMessage) (any, error) {
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	if m.safe.renewing {
		return nil, control.Invalid("The box restarts with another choice of encryption. Wait until it is back, and set it up then.")
	}
	m.safe.setUp = true
	return nil, nil
}

// mayRenew says why what is private may not be erased and made anew; nil: it may. The packet filter is told at each
// start of a box that is set up, and what it was told lasts; where that can't be read, nobody knows whose mail it is.
// The caller holds safe.mu until the choice is made.
func (m *Machine) mayRenew() error {
	if m.boxFS == nil {
		return errNoData
	}
	if m.safe.setUp {
		return errSetUp
	}
	text, err := durable.ReadFile(m.boxFS, firewallFile, maxNetworkFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var policy firewall.Policy
	if err == nil {
		policy, err = firewall.Parse(text)
	}
	if err != nil {
		m.log.Error("whether the box is set up is not known; what is private stays", "err", err)
	}
	if err != nil || policy.SetUp {
		return errSetUp
	}
	return nil
}

// errSetUp is for who would erase an office.
var errSetUp = control.Invalid("The box is set up, or being set up: how it is encrypted was chosen before. A factory reset, which erases everything, lets it be chosen anew.")

// verbEncryptAnew is for a box that nobody has set up: the next start has the phrase typed, and what is private is
// encrypted before anything is put there.
func (m *Machine) verbEncryptAnew(_ context.Context, raw json.RawMessage) (any, error) {
	phrase, _, err := phraseOf(raw)
	if err != nil {
		return nil, err
	}
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	if err := m.mayRenew(); err != nil {
		return nil, err
	}
	if m.safe.letter != nil {
		return nil, control.Invalid("what is private is encrypted already")
	}
	letter := vault.Letter{Cipher: chooseCipher(), Begun: true}
	if letter.Phrase, err = vault.SealPhrase(vault.NewKey(), phrase); err != nil {
		return nil, err
	}
	m.safe.renewing = true // also when the letter is only half there
	if err := writeLetter(dataDir, letter); err != nil {
		return nil, err
	}
	m.log.Info("what is private will be encrypted with the next start, once its phrase was typed")
	m.request(Reboot, "encryption")
	return nil, nil
}

// verbPlainAnew is for a box that nobody has set up, and whose TPM has its disk encrypted: the next start makes what is
// private anew, for everybody to read who has the disk. The sealed key is overwritten.
func (m *Machine) verbPlainAnew(context.Context, json.RawMessage) (any, error) {
	m.safe.mu.Lock()
	defer m.safe.mu.Unlock()
	if err := m.mayRenew(); err != nil {
		return nil, err
	}
	if m.safe.letter == nil {
		return nil, control.Invalid("nothing is encrypted")
	}
	m.safe.renewing = true // also when the letter is only half there
	if err := writeLetter(dataDir, vault.Letter{Plain: true}); err != nil {
		return nil, err
	}
	m.log.Warn("what is private will not be encrypted from the next start on")
	m.request(Reboot, "no encryption")
	return nil, nil
}
