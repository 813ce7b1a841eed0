"""A sync: `fetch_*` gets files, `files` reads them, `save_*` writes rows. May import files, storage, command_line."""
