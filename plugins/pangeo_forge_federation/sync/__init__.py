"""A sync: fetch_* gets files, `pangeo_forge_federation.files` reads them, save_* writes rows, `run` puts them in order."""
