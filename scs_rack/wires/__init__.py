"""What travels on the rack's wires: who listens on each node, and whether what is said there is encrypted."""
