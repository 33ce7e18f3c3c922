package main

import (
	"context"
	"fmt"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// replayer decodes quarantined messages again, each by the decoder of its protocol, and stores what they
// say the way everything is stored.
type replayer struct {
	decoders map[string]protocols.Decoder // of messages, by headend.Source.Protocol
	polls    map[string]pollDecoder       // of polls
	sink     checkedSink
}

// pollDecoder reads a poll again. Other than a message of a broker, a poll does not say whose it was, and what its bytes
// mean is in the profile of the device.
type pollDecoder interface {
	// DecodePoll returns what can be stored, or refusals, or an error where the registry cannot be asked.
	DecodePoll(ctx context.Context, q headend.Quarantined) ([]headend.Batch, []headend.Refusal, error)
}

// checkedSink is what stores; it can say beforehand what it would set aside.
type checkedSink interface {
	protocols.Sink
	// Refusals tells what Accept would set aside of the batches, and leaves them as they are.
	Refusals(batches []headend.Batch) []headend.Refusal
}

// Replay implements api.Replayer. What a message says is stored under the time it first came in; what is
// there already is a duplicate and changes nothing. A message with anything in it that still cannot be used
// is not stored at all. One from somebody who had no right to speak for its device never is: who sent it is
// not kept with it, so decoding it again would give the topic's device what another has said.
func (r *replayer) Replay(ctx context.Context, q headend.Quarantined) ([]headend.Refusal, error) {
	if q.Refusal.Reason == headend.ReasonForeignDevice {
		return []headend.Refusal{{Reason: headend.ReasonForeignDevice, Detail: "it is never replayed: whoever sent it had no right to " + q.Source.Address +
			" or to the device it names; correct the registry or the device, which then says it again (" + q.Refusal.Detail + ")"}}, nil
	}
	batches, refused, err := r.decode(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if len(refused) == 0 && len(batches) > 0 {
		refused = r.sink.Refusals(batches)
	}
	if len(refused) > 0 || len(batches) == 0 {
		return refused, nil
	}
	if err := r.sink.Accept(ctx, batches); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return nil, nil
}

// decode reads a message or poll by the decoder of its protocol.
func (r *replayer) decode(ctx context.Context, q headend.Quarantined) ([]headend.Batch, []headend.Refusal, error) {
	if polls, ok := r.polls[q.Source.Protocol]; ok {
		return polls.DecodePoll(ctx, q)
	}
	decoder, ok := r.decoders[q.Source.Protocol]
	if !ok {
		return nil, []headend.Refusal{{Reason: headend.ReasonNoCodec, Detail: fmt.Sprintf("no decoder for protocol %q", q.Source.Protocol)}}, nil
	}
	var decoded protocols.Decoded
	decoder.Decode(protocols.Message{Topic: q.Source.Address, Payload: q.Raw, QoS: 1, Received: q.Received}, &decoded)
	var refused []headend.Refusal
	for _, b := range decoded.Batches {
		if b.Refusal != nil {
			refused = append(refused, *b.Refusal)
		}
	}
	return decoded.Batches, refused, nil
}
