SELECT number, hash FROM audit_head
