package main

// configCommand is `headend config`.
type configCommand struct{}

// Run prints the configuration that serve would run with.
func (c *configCommand) Run(p *program) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	text, err := config.Print()
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(text)
	return err
}
