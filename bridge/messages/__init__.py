"""What an SMS is: values and rules, without I/O, clock or wire words."""
