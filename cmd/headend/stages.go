package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// stage is a part of the head-end that runs until its context ends.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// runStages runs groups of stages, given in the order of the data, until ctx ends or one of them does.
// They are started from the last group to the first and stopped from the first to the last, each group
// only when the one before has come to its end: what was taken in still finds everything behind it
// running. It returns what the stages returned.
func runStages(ctx context.Context, log *slog.Logger, groups ...[]stage) error {
	ended := make(chan error, 1)
	stops := make([]func() error, len(groups))
	for i := len(groups) - 1; i >= 0; i-- {
		stops[i] = startGroup(ctx, groups[i], ended)
	}
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-ended:
		errs = append(errs, err)
	}
	for i, stop := range stops {
		for _, s := range groups[i] {
			log.Debug("stopping", "stage", s.name)
		}
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// startGroup starts stages and returns what stops them, waits for them and gives their errors. The first
// stage to end by itself is told to ended, which has room for one.
func startGroup(ctx context.Context, group []stage, ended chan<- error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, s := range group {
		running.Go(func() {
			err := s.run(ctx)
			switch {
			case err != nil:
				err = fmt.Errorf("%s: %w", s.name, err)
			case ctx.Err() == nil:
				err = fmt.Errorf("%s ended by itself", s.name)
			default:
				return
			}
			select {
			case ended <- err:
			default:
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	return func() error {
		cancel()
		running.Wait()
		return errors.Join(errs...)
	}
}
