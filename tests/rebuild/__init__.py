"""What `test_rebuild` works with: a tiny site made by the real graph, and processes that materialize it."""
