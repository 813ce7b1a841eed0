"""A sync: fetch_* reads files, the parser of `federation.files` reads them, save_* writes rows, `run` puts them in order."""
