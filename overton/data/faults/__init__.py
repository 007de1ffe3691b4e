"""What is wrong with a line: the thorough path of reading data files."""
