package office_test

import (
	"os"
	"testing"

	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
