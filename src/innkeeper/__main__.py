"""Where the program starts: loads it with the garbage collector at rest, then hands over to the command line."""

import gc


def main() -> None:
    """Run the command line.

    Loading makes hundreds of thousands of objects that live as long as the process. Collecting among them while they
    are made costs a tenth of the start, and walking over them later costs every request; so neither is done.
    """
    gc.disable()
    from innkeeper.cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
