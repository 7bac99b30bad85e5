"""What several drivers share: the languages, ranges, bursts, lists and slow pulses of instruments."""
