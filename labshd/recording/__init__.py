"""Recording a protocol into a run, and ending it safely however it ends."""
