"""The rules of `make lint`. tools/lint runs them; each module holds rules of one kind."""
