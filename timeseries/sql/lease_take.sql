UPDATE detection SET epoch = epoch + 1, holder = $1 RETURNING epoch
