"""Problem instances: frozen dataclasses, readers, generators and the catalogue of classic sets."""
