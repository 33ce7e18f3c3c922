package timeseries_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// Who waits for the lease on a connection that has died without a word gets it on another.
func TestAConnectionThatIsSilentDoesNotKeepTheLeaseFree(t *testing.T) {
	timeseries.AnswerWithin(t, time.Second)
	s := storetest.Open(t, timeseries.Postgres)
	_, _, release := lease(t, s, "a")
	const asking = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() " +
		"AND query LIKE '%pg_try_advisory_lock%' AND state = 'idle' AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_stat_activity.pid AND locktype = 'advisory')"
	got := make(chan int64, 1)
	ended := make(chan error, 1)
	go func() {
		epoch, _, release, err := s.Lease(t.Context(), "b")
		if err == nil {
			defer release()
			got <- epoch
		}
		ended <- err
	}()
	pid := 0
	for pid == 0 {
		if err := timeseries.Pool(s).QueryRow(t.Context(), asking).Scan(&pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wake := sync.OnceFunc(func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	defer wake()
	release()
	select {
	case epoch := <-got:
		if epoch != 2 {
			t.Errorf("epoch %d", epoch)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits on, with the lease free")
	}
	wake()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
