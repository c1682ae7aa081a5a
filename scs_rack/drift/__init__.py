"""What differs between the rack file and the rack: observed layer by layer, changing nothing (docs/drift.md)."""
