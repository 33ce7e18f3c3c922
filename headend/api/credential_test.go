package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestADevicesPasswordIsChanged(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	s.grid(t)
	s.load(t, "", "", "", "OLD,meter,mqtt,,,,,,2020-01-01,2021-01-01\nRTU1,rtu,modbus,tcp://10.0.0.1:502,sel_751a,,,,2020-01-01,\n")
	set := func(device, body string, status int, headers ...string) (c api.DeviceCredential, text string) {
		t.Helper()
		got, _, answer := s.send(t, http.MethodPost, "/api/v1/devices/"+device+"/credential", body, headers...)
		if got != status {
			t.Errorf("%s %s: %d %s, want %d", device, body, got, answer, status)
		}
		if err := json.Unmarshal(answer, &c); err != nil {
			t.Fatal(err)
		}
		return c, string(answer)
	}
	isLetIn := func(device headend.DeviceID, password string, want bool) {
		t.Helper()
		_, _, err := s.store.Authenticate(device, []byte(password))
		if (err == nil) != want || err != nil && !errors.Is(err, timeseries.ErrCredentials) {
			t.Errorf("%s with %q: %v, want it let in: %v", device, password, err, want)
		}
	}
	const given = "a password from a generator"
	made, _ := set("M1", "", 200)
	if len(made.Password) < 20 || !made.Changed || made.Device != "M1" {
		t.Fatalf("made %+v", made)
	}
	isLetIn("M1", made.Password, true)
	if c, text := set("M1", `{"password":"`+given+`"}`, 200); !c.Changed || c.Password != "" || strings.Contains(text, given) {
		t.Errorf("given: %s", text)
	}
	isLetIn("M1", made.Password, false)
	isLetIn("M1", given, true)
	if c, _ := set("M1", `{"password":"`+given+`"}`, 200); c.Changed {
		t.Error("the same again is no change")
	}
	if c, _ := set("plant%2Fline%2FM3", `{}`, 200); c.Device != "plant/line/M3" || c.Password == "" {
		t.Errorf("a device with / in its id: %+v", c)
	}

	// Sent again it is answered as before, and changes nothing.
	first, _ := set("M2", "", 200, "Idempotency-Key", "rotate-M2")
	again, _ := set("M2", "", 200, "Idempotency-Key", "rotate-M2")
	if first.Password == "" || again != first {
		t.Errorf("%+v, and sent again %+v", first, again)
	}
	isLetIn("M2", first.Password, true)

	for _, c := range []struct {
		device, body string
		status       int
		words        string
	}{
		{"M1", `{"password":"short"}`, 422, "at least 16 are needed"},
		{"M1", `{"password":"` + strings.Repeat("x", 257) + `"}`, 422, "at most 256"},
		{"M1", `{"secret":"sixteen characters"}`, 422, "secret"},
		{"nobody", "", 404, "nobody"},
		{"OLD", "", 422, "retired"},
		{"RTU1", "", 422, "Modbus"},
	} {
		if _, text := set(c.device, c.body, c.status); !strings.Contains(text, c.words) || strings.Contains(text, strings.Repeat("x", 257)) {
			t.Errorf("%s %s: %s, want words %q and no password", c.device, c.body, text, c.words)
		}
	}
	isLetIn("M1", given, true)

	status, _, trail := s.ask(t, http.MethodGet, "/api/v1/audit?what=set-device-credential")
	if status != 200 || strings.Count(string(trail), `"target":"devices/M1"`) != 3 || strings.Count(string(trail), `"target":"devices/M2"`) != 1 {
		t.Errorf("%d %s", status, trail)
	}
	for _, secret := range []string{given, made.Password, first.Password} {
		if strings.Contains(string(trail), secret) {
			t.Errorf("%q stands in the trail", secret)
		}
	}
}

// Who sees a district alone changes passwords of its devices, and of gateways that serve no others.
func TestADistrictChangesPasswordsOfItsOwnDevices(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.districts(t)
		s.load(t, "", "", "", "SHARED,gateway,mqtt,,,,,,2020-01-01,\nM1,meter,mqtt,,,SHARED,U1,,2020-01-01,\nZZM,meter,mqtt,,,SHARED,ZZU,,2020-01-01,\n")
		own := accesstest.TokenOf(t, s.store, "district", []headend.Permission{headend.MayLook, headend.MayMaintain}, "D1")
		for device, want := range map[string]int{"M1": 200, "M2": 200, "MOVED": 200, "G1": 200, "SHARED": 403, "ZZM": 404, "ZZG": 404, "nobody": 404} {
			if status, _, body := s.send(t, http.MethodPost, "/api/v1/devices/"+device+"/credential", "", "Authorization", "Bearer "+own); status != want {
				t.Errorf("%s: %d %s, want %d", device, status, body, want)
			}
		}
		if n, err := s.store.Scalar(t.Context(), "SELECT string_agg(id, ' ' ORDER BY id) FROM device WHERE secret_hash IS NOT NULL"); err != nil || n != "G1 M1 M2 MOVED" {
			t.Errorf("devices with a password: %q %v", n, err)
		}
	})
}
