"""New secrets and certificates for a cloud that serves: both of two are valid until nobody uses the old one."""
