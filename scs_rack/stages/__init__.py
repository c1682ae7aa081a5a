"""One file a stage: what it needs, how it plans, applies, and what its gate observes."""
