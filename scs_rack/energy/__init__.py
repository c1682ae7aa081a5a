"""What the rack draws, what that came to, and how to keep it within a limit."""
