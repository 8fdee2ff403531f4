"""Files of tables: what a file is, how it is unpacked, and how each kind is read."""
