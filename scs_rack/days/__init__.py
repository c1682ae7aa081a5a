"""The days after: servers of a cloud in service are drained, removed, taken back and replaced."""
