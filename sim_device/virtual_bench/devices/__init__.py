"""The devices on a virtual bench, richer than any model that is fitted to them."""
