-- The policy looks back 40 days. The head-end itself refreshes what is older, as far as readings are kept; see
-- rollup.go. Nothing changes in the schema.
SELECT 1;
