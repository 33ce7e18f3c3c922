UPDATE billing_state SET validated = $1, validated_after = $2
