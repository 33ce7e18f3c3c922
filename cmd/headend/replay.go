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
	decoders map[string]protocols.Decoder // by headend.Source.Protocol
	sink     protocols.Sink
}

// Replay implements api.Replayer. What a message says is stored under the time it first came in; what is
// there already is a duplicate and changes nothing.
func (r *replayer) Replay(ctx context.Context, q headend.Quarantined) ([]headend.Refusal, error) {
	decoder, ok := r.decoders[q.Source.Protocol]
	if !ok {
		return []headend.Refusal{{Reason: headend.ReasonNoCodec, Detail: fmt.Sprintf("no decoder for protocol %q", q.Source.Protocol)}}, nil
	}
	var decoded protocols.Decoded
	decoder.Decode(protocols.Message{Topic: q.Source.Address, Payload: q.Raw, QoS: 1, Received: q.Received}, &decoded)
	var refused []headend.Refusal
	for _, b := range decoded.Batches {
		if b.Refusal != nil {
			refused = append(refused, *b.Refusal)
		}
	}
	if len(refused) > 0 || len(decoded.Batches) == 0 {
		return refused, nil
	}
	if err := r.sink.Accept(ctx, decoded.Batches); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return nil, nil
}
