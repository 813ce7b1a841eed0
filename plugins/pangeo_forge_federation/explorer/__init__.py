"""The data of the pages that `templates/` show. May import api, and what api may."""
