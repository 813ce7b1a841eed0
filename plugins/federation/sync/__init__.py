"""A sync: fetch_* gets files, `federation.files` reads them, save_* writes rows, `run` puts them in order."""
