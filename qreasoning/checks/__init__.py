"""What is checked alike where answers are pulled and where a dataset is built of them."""
