"""A bench as crosspoints: who is on, which relays are closed, how a pulse, a reading and a sweep come about."""
