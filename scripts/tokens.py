"""Create, list and revoke the tokens with which bakeries record recipe runs."""

from pangeo_forge_federation.access.tokens_command import tokens_command

if __name__ == "__main__":
    tokens_command()
