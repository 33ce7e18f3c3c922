SELECT validated, validated_after FROM billing_state
