// Package drivertest is the contract of protocols.Driver as a test suite, run against every driver.
//
//	func TestContract(t *testing.T) { drivertest.Run(t, func(f *drivertest.Field) drivertest.Setup { ... }) }
//
// A Harness makes a driver that is not yet running and the means to be a device of it; the suite runs
// the driver on a recording Sink whose gate it opens and closes, and checks that
//
//   - nothing is acknowledged before Accept has returned nil for it, nor after an error;
//   - a message that cannot be decoded is set aside and acknowledged, its neighbours unharmed;
//   - what a broken connection left without acknowledgement is delivered again;
//   - what is in flight is bounded while the sink stands still;
//   - one device's flood does not starve another;
//   - on stop the Accepts under way finish and are acknowledged, a failing sink does not hold Run, and
//     no goroutine is left.
//
// Nothing here sleeps: the suite waits for what the sink and the devices see, and gives up after Patience.
package drivertest
