"""What a fresh cloud offers its customers: networks, flavors, volume types, images, and a test project.

`wanted` derives it from the Design, `ensure` compares it with the cloud and makes it so, one kind a file.
"""
