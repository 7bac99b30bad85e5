"""What is done to crosspoints, one measurement a file, and the numbers drawn from it."""
