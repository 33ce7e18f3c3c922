package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var deviceColumns = []string{"id", "kind", "protocol", "address", "profile", "gateway", "usage_point", "password", "from", "to"}

// deviceNode is a further column that files with feeder devices have: what piece of the network they stand for.
const deviceNode = "node"

// Devices reads a file of devices and where they are installed.
func Devices(r io.Reader, format Format) iter.Seq2[headend.Line[headend.DeviceRow], error] {
	return readWith(r, format, deviceColumns, []string{deviceNode}, func(f *fields) headend.DeviceRow {
		row := headend.DeviceRow{
			Device: headend.Device{
				ID:       f.deviceID(0),
				Kind:     headend.DeviceKind(f.oneOf(1, string(headend.KindMeter), string(headend.KindGateway), string(headend.KindRTU))),
				Protocol: f.protocol(2),
				Address:  f.text(3, maxText),
				Profile:  f.text(4, maxText),
			},
			UsagePoint: f.optionalID(6),
			Password:   f.password(7),
		}
		if f.values[5] != "" {
			row.Device.Gateway = f.deviceID(5)
		}
		if row.UsagePoint != "" && row.Device.Kind != headend.KindMeter {
			f.refuse("a %s measures no usage point; usage_point is for meters", row.Device.Kind)
		}
		if i, ok := f.further(deviceNode); ok {
			row.Device.Node = f.optionalID(i)
		}
		row.From, row.To = f.validity(8)
		return row
	})
}

func (f *fields) protocol(i int) string {
	if f.values[i] == "" || f.format.Protocols == nil {
		return f.text(i, maxText)
	}
	return f.oneOf(i, f.format.Protocols...)
}

// password is never repeated in a message.
func (f *fields) password(i int) string {
	value := f.values[i]
	if value == "" {
		return ""
	}
	if err := headend.ValidateDevicePassword(value); err != nil {
		f.refuse("%s %v", f.columns[i], err)
	}
	return value
}
