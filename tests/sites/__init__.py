"""Many racks."""
