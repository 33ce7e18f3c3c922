package runner

import (
	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// Ping asks to put the question to a meter whether it lives: the answer decides a doubt.
type Ping struct {
	Device  headend.DeviceID
	Gateway headend.DeviceID // who passes it on; "" when the device is connected itself
	Why     string
}

// ping hands over what the detector wants to be asked.
func (w *watch) ping(pings []interruption.Ping) {
	w.metrics.pings.Add(float64(len(pings)))
	if len(pings) == 0 || w.options.Ping == nil {
		return
	}
	out := make([]Ping, len(pings))
	for i, p := range pings {
		out[i] = Ping{Device: w.grid.Network.DeviceID(p.Device), Gateway: w.grid.gateway(p.Device), Why: p.Why}
	}
	w.options.Ping(out)
}
