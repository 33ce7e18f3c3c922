SELECT d.revision, b.placement, b.registry, b.revision, b.as_of, b.placed, b.kept FROM detection d, book_state b
