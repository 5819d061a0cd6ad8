"""The command line: a file per group of commands."""


def main() -> None:
    """The command `zhiyin`."""
    from zhiyin.cli import app  # imported when it runs: the folder's other files need none of it

    app.main()
