"""What goes out of an archive: htsget, DRS, downloads by range, refget. Never more than a caller's visas open."""
