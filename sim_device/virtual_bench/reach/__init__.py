"""Ways to reach the twins: a VISA library, TCP sockets, HiSLIP, a recording that answers again."""
