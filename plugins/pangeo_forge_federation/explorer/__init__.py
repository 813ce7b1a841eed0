"""The data of the pages in `templates/`. May import api and everything that api may import."""
