SELECT device, time, quantity, wh FROM noted_register WHERE device = ANY ($1)
