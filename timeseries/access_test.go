package timeseries_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestTheAuditTrailShowsWhatWasDoneToIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		for i := range 5 {
			act := &headend.Act{Who: fmt.Sprint("who ", i), From: "10.0.0.1", What: "try", After: map[string]int{"i": i}}
			if err := s.Audit(headend.WithAct(t.Context(), act)); err != nil || act.Entries != 1 {
				t.Fatal(act.Entries, err)
			}
		}
		check := func() []string {
			t.Helper()
			var c timeseries.AuditCheck
			last, hash, err := s.WalkAudit(t.Context(), func(e headend.AuditEntry) error { c.Next(e); return nil })
			if err != nil {
				t.Fatal(err)
			}
			c.End(last, hash)
			return c.Faults
		}
		if faults := check(); len(faults) != 0 {
			t.Errorf("a trail nobody has touched: %v", faults)
		}
		for _, sql := range []string{"UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit", "DELETE FROM audit_head"} {
			if err := s.Exec(t.Context(), sql); err == nil {
				t.Errorf("%s: nothing stopped it", sql)
			}
		}
		// Whoever owns the table can take the trigger off. The chain shows it all the same.
		for name, sql := range map[string]string{
			"changed":   "UPDATE audit SET after = '{\"i\":7}' WHERE number = 3",
			"by whom":   "UPDATE audit SET who = 'me' WHERE number = 1",
			"removed":   "DELETE FROM audit WHERE number = 2",
			"last":      "DELETE FROM audit WHERE number = 5",
			"all":       "DELETE FROM audit",
			"reordered": "UPDATE audit SET number = CASE number WHEN 2 THEN -3 ELSE -2 END WHERE number IN (2, 3); UPDATE audit SET number = -number WHERE number < 0",
			"time":      "UPDATE audit SET at = at + INTERVAL '1 second' WHERE number = 4",
		} {
			if err := s.Exec(t.Context(), "ALTER TABLE audit DISABLE TRIGGER audit_stays; CREATE TABLE kept AS SELECT * FROM audit; "+sql); err != nil {
				t.Fatal(name, err)
			}
			if faults := check(); len(faults) == 0 {
				t.Errorf("%s: not noticed", name)
			}
			if err := s.Exec(t.Context(), "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept; ALTER TABLE audit ENABLE TRIGGER audit_stays"); err != nil {
				t.Fatal(name, err)
			}
			if faults := check(); len(faults) != 0 {
				t.Fatal(name, faults)
			}
		}
	})
}

func TestAccountsSessionsAndTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		ctx := t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		if made, err := s.AddFirstAccount(ctx, headend.Account{Name: "admin", Language: "vi", Password: "x", Made: now}); !made || err != nil {
			t.Fatal(made, err)
		}
		if made, err := s.AddFirstAccount(ctx, headend.Account{Name: "other", Language: "vi", Password: "x", Made: now}); made || err != nil {
			t.Error("a second first account", made, err)
		}
		var taken *headend.Taken
		if _, err := s.AddAccount(ctx, headend.Account{Name: "ADMIN", Role: headend.Viewer, Language: "en", Made: now}); !errors.As(err, &taken) {
			t.Errorf("the name again: %v", err)
		}
		var unknown *headend.Unknown
		if _, err := s.AddAccount(ctx, headend.Account{Name: "lan", Role: headend.Viewer, Language: "en", Organisations: []string{"D9"}, Made: now}); !errors.As(err, &unknown) || unknown.ID != "D9" {
			t.Errorf("an organisation that is not there: %v", err)
		}
		admin, err := s.Account(ctx, "Admin")
		if err != nil || admin.Role != headend.Administrator {
			t.Fatal(admin, err)
		}
		gone := admin
		gone.Disabled = now
		if err := s.ChangeAccount(ctx, gone); !errors.Is(err, timeseries.ErrLastAdministrator) {
			t.Errorf("the last administrator disabled: %v", err)
		}
		session := headend.Session{Account: admin, Made: now, Seen: now, Expires: now.Add(time.Hour)}
		for _, hash := range []string{"one", "two"} {
			if err := s.OpenSession(ctx, []byte(hash), session, "127.0.0.1"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetPassword(ctx, admin.Number, "y", []byte("two")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Session(ctx, []byte("one")); !errors.As(err, &unknown) {
			t.Errorf("a session of before the password: %v", err)
		}
		if found, err := s.Session(ctx, []byte("two")); err != nil || found.Account.Password != "y" || !found.Expires.Equal(session.Expires) {
			t.Errorf("%+v %v", found, err)
		}
		token, err := s.AddToken(ctx, []byte("t"), headend.Token{Name: "bills", Account: admin.Number, Permissions: []headend.Permission{headend.MayLook}, Made: now, By: "admin"})
		if err != nil {
			t.Fatal(err)
		}
		if _, owner, err := s.TokenWith(ctx, []byte("t")); err != nil || owner == nil || owner.Name != "admin" {
			t.Error(owner, err)
		}
		if _, err := s.RevokeToken(ctx, token.Number, admin.Number+1, now); !errors.As(err, &unknown) {
			t.Errorf("somebody else's token: %v", err)
		}
		if revoked, err := s.RevokeToken(ctx, token.Number, 0, now); err != nil || revoked.Revoked.IsZero() {
			t.Error(revoked, err)
		}
		for i := range 3 {
			if before, err := s.CountFailure(ctx, "Nobody", now.Add(time.Duration(i)*time.Second)); err != nil || before.Count != i {
				t.Error(i, before, err)
			}
		}
		if f, err := s.LoginFailures(ctx, "nobody"); err != nil || f.Count != 3 || !f.Last.Equal(now.Add(2*time.Second)) {
			t.Error(f, err)
		}
	})
}
