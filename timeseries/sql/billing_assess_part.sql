SELECT number, organisation, gateway, model, EXISTS (SELECT FROM meter_type t WHERE t.model = p.model) FROM duty_part p
