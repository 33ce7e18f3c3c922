package modbus

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

//go:embed profiles/*.yaml
var shipped embed.FS

// maxProfile bounds a profile's file, in bytes.
const maxProfile = 1 << 20

// Profiles is the models known: the shipped ones, and a user's own over and beside them.
type Profiles struct{ byModel map[string]*Profile }

// LoadProfiles reads the shipped profiles and then the *.yaml files of dir, "" for none. A file of the same
// name replaces the shipped profile. The error lists every fault as file:line: reason.
func LoadProfiles(dir string) (*Profiles, error) {
	p := &Profiles{byModel: map[string]*Profile{}}
	folder, err := fs.Sub(shipped, "profiles")
	if err != nil {
		return nil, fmt.Errorf("shipped profiles: %w", err)
	}
	if err := p.load(folder, "profiles"); err != nil {
		return nil, err
	}
	if dir == "" {
		return p, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("folder of profiles: %w", err)
	}
	if err := p.load(os.DirFS(dir), dir); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Profiles) load(folder fs.FS, name string) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return fmt.Errorf("folder of profiles %s: %w", name, err)
	}
	var faults []error
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".yaml" {
			continue
		}
		profile, err := loadFile(folder, e.Name(), path.Join(name, e.Name()))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		p.byModel[profile.Model] = profile
	}
	return errors.Join(faults...)
}

func loadFile(folder fs.FS, file, name string) (*Profile, error) {
	f, err := folder.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ParseProfile(name, text)
}

// Get finds a model's profile.
func (p *Profiles) Get(model string) (*Profile, error) {
	if profile, ok := p.byModel[model]; ok {
		return profile, nil
	}
	return nil, fmt.Errorf("no profile %q; there are %s", model, strings.Join(p.Models(), ", "))
}

// Models lists the names of all profiles, sorted.
func (p *Profiles) Models() []string {
	models := make([]string, 0, len(p.byModel))
	for m := range p.byModel {
		models = append(models, m)
	}
	slices.Sort(models)
	return models
}

// All lists the profiles, sorted by model.
func (p *Profiles) All() []*Profile {
	all := make([]*Profile, 0, len(p.byModel))
	for _, m := range p.Models() {
		all = append(all, p.byModel[m])
	}
	return all
}
