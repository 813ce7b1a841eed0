"""Make, list and revoke the tokens with which bakeries record recipe runs."""

from federation.tokens_command import tokens_command

if __name__ == "__main__":
    tokens_command()
