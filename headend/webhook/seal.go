package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// ErrSealed says that a secret was sealed with another key than the one of this head-end.
var ErrSealed = errors.New("sealed with another key")

// KeyFile seals secrets with a key that is kept in a file, mode 0600. All head-ends on one database need the same one.
type KeyFile struct {
	path string
	mu   sync.Mutex
	aead cipher.AEAD // once it was read
}

// NewKeyFile names the file; it is read, and where there is none made, when it is first needed.
func NewKeyFile(path string) *KeyFile { return &KeyFile{path: path} }

// Seal makes of a secret what may be stored. about is what the secret belongs to: it opens for nothing else. The file is
// made where there is none.
func (f *KeyFile) Seal(secret []byte, about string) ([]byte, error) {
	aead, err := f.open(true)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // it never fails
	return aead.Seal(nonce, nonce, secret, []byte(about)), nil
}

// Open gives the secret back, or ErrSealed.
func (f *KeyFile) Open(sealed []byte, about string) ([]byte, error) {
	aead, err := f.open(false)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, fmt.Errorf("%w: too short", ErrSealed)
	}
	secret, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(about))
	if err != nil {
		return nil, fmt.Errorf("%w than the one in %s", ErrSealed, f.path)
	}
	return secret, nil
}

func (f *KeyFile) open(make bool) (cipher.AEAD, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.aead != nil {
		return f.aead, nil
	}
	key, err := readKey(f.path)
	if errors.Is(err, fs.ErrNotExist) && make {
		if err = makeKey(f.path); err == nil {
			key, err = readKey(f.path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key of the webhooks' secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err == nil {
		f.aead, err = cipher.NewGCM(block)
	}
	return f.aead, err
}

const keyBytes = 32

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so others on this machine may read it; chmod 600 %s", path, mode, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("%s does not hold %d bytes in base64", path, keyBytes)
	}
	return key, nil
}

// makeKey writes a new key; where another process was faster, that one's stays.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	key := make([]byte, keyBytes)
	rand.Read(key) // it never fails
	draft, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
