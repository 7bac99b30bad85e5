"""What every room of labshd needs: problems in files, locks, progress, signals, provenance."""
