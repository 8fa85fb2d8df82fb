"""Settings: appearance, folders, network, device, doctor."""
