DELETE FROM webhook_told WHERE over AND written < $1
