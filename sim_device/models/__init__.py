"""What a device is: steps by formula or table, voltage laws, presets, fitted devices as files."""
