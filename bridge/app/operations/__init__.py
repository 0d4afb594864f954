"""What the commands do, one file for each subject; `everything` gathers them."""
