"""`python -m qreasoning` is `qr`."""

from qreasoning.cli import main

if __name__ == "__main__":
    main()
